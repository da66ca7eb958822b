"""Cost of a search.

* CPU-ms of one forward and of one value-and-gradient call, render and classifier together.
* Renders until 1 - p < .01, for each method, on the same people and expressions. All methods
  minimise the paper's objective (box alone, no penalties). "from prototypes" starts from the head's
  hand-set ones, the others from nothing known. "dense" sets all coefficients at the start, as scipy
  does: faster, with stranger faces. Generations are counted whole. A case that never gets there
  counts as the whole budget.
* The default config, with its prior and its projections.

`python -m benchmarks.scipy_search` runs scipy's differential evolution on the same cases.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import classify, face
from jaxface.bench.harness import measure
from jaxface.bench.settings import SearchSettings
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.face import FaceParams
from jaxface.render import Scene
from jaxface.search import SearchConfig, Searcher, build, evaluate

GOAL = 0.99
PAPER = SearchConfig(target=GOAL, prior_weight=0.0, plausibility_weight=0.0, projections=0)


@dataclass(frozen=True)
class Cases:
    """What every method searches.

    Attributes:
        classifier: whose answers are the objective.
        head: with its prototypes; `bare` without them.
        params: N people, each repeated for every expression.
        targets: (N,) class of each case.
    """

    classifier: classify.Classifier
    head: face.FaceModel
    bare: face.FaceModel
    scene: Scene
    params: FaceParams
    targets: np.ndarray


def load_cases(settings: SearchSettings) -> Cases:
    """Load the classifier and the head, and sample the people."""
    classifier, head = classify.load(settings.classifier), face.load("bundled")
    people = face.sample_population(jax.random.key(0), head, settings.identities)
    params = jax.tree.map(lambda leaf: jnp.repeat(leaf, len(BASE_EXPRESSIONS), axis=0), people)
    targets = np.array([classifier.index(name) for name in BASE_EXPRESSIONS] * settings.identities)
    no_prototypes = dataclasses.replace(
        head.expressions, prototypes=head.expressions.prototypes[:0], prototype_labels=()
    )
    bare = dataclasses.replace(head, expressions=no_prototypes)
    return Cases(classifier, head, bare, Scene(), params, targets)


def run(settings: SearchSettings) -> Iterator[dict[str, Any]]:
    """Yield a row for the calls, then one for each method and start."""
    cases = load_cases(settings)
    paper = dataclasses.replace(PAPER, max_evaluations=settings.budget)

    def searcher(head: face.FaceModel, config: SearchConfig) -> Searcher:
        return build(cases.classifier, head, cases.scene, config)

    yield call_row(searcher(cases.bare, paper), cases, settings.classifier)
    common = {"classifier": settings.classifier, "budget": settings.budget}
    for method in ("differential-evolution", "gradient", "hybrid"):
        for start, head in (("nothing known", cases.bare), ("from prototypes", cases.head)):
            config = dataclasses.replace(paper, method=method)
            yield search_row(f"{method}, {start}", searcher(head, config), cases, common)
    dense = dataclasses.replace(paper, method="differential-evolution", sparse_share=1.0)
    yield search_row("differential-evolution, dense", searcher(cases.bare, dense), cases, common)
    default = searcher(cases.head, dataclasses.replace(SearchConfig(), target=GOAL))
    yield search_row("default config", default, cases, common | {"budget": 300})


def call_row(searcher: Searcher, cases: Cases, classifier: str) -> dict[str, Any]:
    """Time one forward, in populations of 50, and one value-and-gradient."""
    case = jax.tree.map(
        lambda leaf: leaf[:1], evaluate.Cases(cases.params, jnp.asarray(cases.targets, jnp.int32))
    )
    points = 0.5 * jax.random.normal(jax.random.key(1), (1, 50, searcher.problem.space.lower.shape[0]))
    active = jnp.ones(1, bool)
    forward = measure(evaluate.population_scores, searcher.problem, case, points, active, repeats=3)
    gradient = measure(evaluate.value_and_grad, searcher.problem, case, points[:, 0], active, repeats=10)
    return {
        "name": "calls",
        "classifier": classifier,
        "forward_cpu_ms": forward["cpu_s"] / 50 * 1e3,
        "value_and_gradient_cpu_ms": gradient["cpu_s"] * 1e3,
        "forward_compile_s": forward["compile_s"],
        "value_and_gradient_compile_s": gradient["compile_s"],
    }


def search_row(name: str, searcher: Searcher, cases: Cases, common: dict[str, Any]) -> dict[str, Any]:
    """Search all cases in one batch, and return the row."""
    searcher.run(jax.random.key(1), cases.params, cases.targets)  # compiles
    result = searcher.run(jax.random.key(0), cases.params, cases.targets)
    successes, calls = result.probability > GOAL, result.forward_calls + result.gradient_calls
    return method_row(name, calls, successes, result.cpu_seconds.mean(), common)


def method_row(
    name: str, renders: np.ndarray, successes: np.ndarray, cpu_s: float, common: dict[str, Any]
) -> dict[str, Any]:
    """Return the row of one method from the renders (N,) of its cases, and which reached the goal
    (N,)."""
    renders = np.where(successes, renders, common["budget"])
    return {
        "name": name,
        **common,
        "cases": len(renders),
        "reached": float(successes.mean()),
        "renders_median": float(np.median(renders)),
        "renders_p90": float(np.quantile(renders, 0.9)),
        "cpu_s_per_case": float(cpu_s),
    }
