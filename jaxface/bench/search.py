"""What does a search cost?

* CPU-ms of one forward and of one value-and-gradient call, render and classifier together.
* Renders until 1 - p < .01, for each method and for scipy's differential evolution (its default population
  of 15 a coefficient, and the same 50 as ours), on the same people and expressions in the same run. All of
  them minimise the paper's objective (box alone, no penalties); "from prototypes" starts from the head's
  hand-set ones, the others know nothing; "dense" sets all coefficients at the start, as scipy does:
  quicker, with stranger faces. Generations are counted whole. A case that never gets there counts as the
  whole budget. scipy stops only after its second generation, so its CPU seconds are too high to compare.
* The default config, with its prior and its projections.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import classify, face
from jaxface.bench.harness import measure
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.face import FaceParams
from jaxface.render import Scene
from jaxface.search import SearchConfig, Searcher, build, evaluate, reference
from jaxface.search.evaluate import Cases
from jaxface.search.objective import FLOOR

GOAL = 0.99
PAPER = SearchConfig(target=GOAL, prior_weight=0.0, plausibility_weight=0.0, projections=0)


@dataclass(frozen=True)
class Settings:
    """What is searched."""

    classifier: str = "face-api"
    """Name or folder of the classifier."""

    identities: int = 2
    """People; each is searched for six expressions."""

    budget: int = 1500
    """Most renders of a case."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for the calls, then one a method and start."""
    classifier, head, scene = classify.load(settings.classifier), face.load("bundled"), Scene()
    people = face.sample_population(jax.random.key(0), head, settings.identities)
    params = jax.tree.map(lambda leaf: jnp.repeat(leaf, len(BASE_EXPRESSIONS), axis=0), people)
    targets = np.array([classifier.index(name) for name in BASE_EXPRESSIONS] * settings.identities)
    bare = dataclasses.replace(
        head,
        expressions=dataclasses.replace(
            head.expressions, prototypes=head.expressions.prototypes[:0], prototype_labels=()
        ),
    )
    paper = dataclasses.replace(PAPER, max_evaluations=settings.budget)

    yield calls(build(classifier, bare, scene, paper), params, targets, settings.classifier)
    common = {"classifier": settings.classifier, "budget": settings.budget}
    for method in ("differential-evolution", "gradient", "hybrid"):
        for start, model in (("nothing known", bare), ("from prototypes", head)):
            config = dataclasses.replace(paper, method=method)
            searcher = build(classifier, model, scene, config)
            yield searched(f"{method}, {start}", searcher, params, targets, common)
    dense = dataclasses.replace(paper, method="differential-evolution", sparse_share=1.0)
    searcher = build(classifier, bare, scene, dense)
    yield searched("differential-evolution, dense", searcher, params, targets, common)
    default = build(classifier, head, scene, dataclasses.replace(SearchConfig(), target=GOAL))
    yield searched("default config", default, params, targets, common | {"budget": 300})
    for name, population in (("scipy, population 50", 50), ("scipy, default population", None)):
        searcher = build(classifier, bare, scene, paper)
        yield scipy_searched(name, searcher, params, targets, population, settings.budget, common)


def calls(searcher: Searcher, params: FaceParams, targets: np.ndarray, classifier: str) -> dict[str, Any]:
    """One forward, in populations of 50, and one value-and-gradient."""
    one = jax.tree.map(lambda leaf: leaf[:1], Cases(params, jnp.asarray(targets, jnp.int32)))
    points = 0.5 * jax.random.normal(jax.random.key(1), (1, 50, searcher.problem.space.lower.shape[0]))
    active = jnp.ones(1, bool)
    forward = measure(evaluate.population_scores, searcher.problem, one, points, active, repeats=3)
    slope = measure(evaluate.value_and_grad, searcher.problem, one, points[:, 0], active, repeats=10)
    return {
        "name": "calls",
        "classifier": classifier,
        "forward_cpu_ms": forward["cpu_s"] / 50 * 1e3,
        "value_and_gradient_cpu_ms": slope["cpu_s"] * 1e3,
        "forward_compile_s": forward["compile_s"],
        "value_and_gradient_compile_s": slope["compile_s"],
    }


def searched(
    name: str, searcher: Searcher, params: FaceParams, targets: np.ndarray, common: dict[str, Any]
) -> dict[str, Any]:
    """Our own search, all cases in one batch."""
    searcher.run(jax.random.key(1), params, targets)  # compiles
    result = searcher.run(jax.random.key(0), params, targets)
    reached = result.probability > GOAL
    return said(name, result.forward_calls + result.gradient_calls, reached, result.cpu_seconds.mean(), common)


def scipy_searched(
    name: str,
    searcher: Searcher,
    params: FaceParams,
    targets: np.ndarray,
    population: int | None,
    budget: int,
    common: dict[str, Any],
) -> dict[str, Any]:
    """The same objective, case after case; members are scored in one call a generation."""
    spent, reached, seconds = [], [], []
    active = jnp.ones(1, bool)
    for index in range(len(targets)):
        case = jax.tree.map(
            lambda leaf, i=index: leaf[i : i + 1], Cases(params, jnp.asarray(targets, jnp.int32))
        )

        def losses(candidates: np.ndarray, case: Cases = case) -> np.ndarray:
            batch = jnp.asarray(candidates, jnp.float32)[None]
            return np.asarray(evaluate.population_scores(searcher.problem, case, batch, active).loss[0])

        began = time.process_time()
        found = reference.differential_evolution(
            losses,
            searcher.problem.space,
            max_evaluations=budget,
            population=population,
            stop_below=-np.log(GOAL + FLOOR),
            seed=index,
        )
        seconds.append(time.process_time() - began)
        reached.append(found.reached_after is not None)
        members = population or 15 * len(found.coefficients)  # scipy looks only after its second generation
        spent.append(members * math.ceil((found.reached_after or found.evaluations) / members))
    return said(name, np.array(spent), np.array(reached), float(np.mean(seconds)), common)


def said(
    name: str, spent: np.ndarray, reached: np.ndarray, cpu: float, common: dict[str, Any]
) -> dict[str, Any]:
    """The row of one method."""
    counted = np.where(reached, spent, common["budget"])
    return {
        "name": name,
        **common,
        "cases": len(spent),
        "reached": float(reached.mean()),
        "renders_median": float(np.median(counted)),
        "renders_p90": float(np.quantile(counted, 0.9)),
        "cpu_s_per_case": float(cpu),
    }
