"""The truth test: does CausalAffect find the known causes that rendered faces were drawn by, and who else does?

    python benchmarks/causal_truth.py --out benchmarks/results
    python benchmarks/causal_truth.py --seeds 1 --train.steps 20 --images 200 --test-images 100   # does it run

Every seed draws faces of its own: half teach CausalAffect and the graph-attention baseline action units alone,
half expressions alone. Structure learners are given labels: of the first half both kinds ("labels"), which the
networks never see; or units of the first half and, of the second, expressions beside the units that
CausalAffect guesses there ("guessed"), which is all that it knows itself. A JSON line for each graph and seed,
and one with means and sample deviations; the graphs themselves and pictures of them beside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro

from jaxface.bench.harness import append, results_file, stamp
from jaxface.core.config import load_toml
from jaxface.data import Dataset, rendered
from jaxface.frameworks.causal_affect import CausalAffectConfig, gatv2, graphs, studies, variant
from jaxface.frameworks.causal_affect.graphs import SignedGraph, baselines, contest, figures
from jaxface.frameworks.causal_affect.graphs.baselines import Found, Labels
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.evaluate import measures

CONFIG = Path(__file__).parent / "causal_truth.toml"
RECIPE, WORLD = "causes", "signed"


@dataclass(frozen=True)
class Settings:
    """What `causal_truth.toml` holds."""

    model: CausalAffectConfig = field(default_factory=CausalAffectConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


@dataclass(frozen=True)
class Contest:
    """How large the test is."""

    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    seeds: int = 3
    """How many: of faces, parameters and order."""

    first: int = 0
    """The first of them; 100 and above were used to choose the settings."""

    rows: tuple[int, ...] = (3, 12, 15)
    """Of the paper's Table 3: which variants of CausalAffect are trained."""

    images: int = 2000
    """Of each half."""

    test_images: int = 1000
    """For F1 and accuracy, which say whether there was anything to find a graph by."""

    labels_only: bool = False
    """Leave out the networks."""

    out: Path = Path("runs")
    """Folder of the results."""

    graphs: Path = Path("runs/causal-truth")
    """Folder of graphs and pictures."""


class Result(NamedTuple):
    """A graph of one method and seed, and what else is known of the method.

    Attributes:
        onwards: whose edges to expressions count, if not those of `found`.
    """

    method: str
    given: str
    found: Found
    onwards: Found | None = None
    about: dict[str, float] | None = None


def main() -> None:
    asked = tyro.cli(Contest, default=Contest(settings=load_toml(Settings, CONFIG)), prog="causal_truth.py")
    truth, file = graphs.of_world(rendered.world(WORLD)), results_file(asked.out, "causal_truth")
    about: dict[str, Any] = {"images": asked.images, "test_images": asked.test_images, "recipe": RECIPE}
    about |= {"steps": asked.settings.train.steps, "batch": asked.settings.train.batch}
    rows: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for seed in range(asked.first, asked.first + asked.seeds):
        for result in results(asked, seed):
            scores = contest.row(result.found, truth, result.onwards) | (result.about or {})
            rows[result.method, result.given].append(scores)
            who = {"method": result.method, "given": result.given}
            append(file, stamp({**about, **who, "seed": seed, **scores}))
            keep(asked.graphs, f"{result.method}-{result.given}-{seed}", result, truth)
            print(seed, *who.values(), {name: round(value, 3) for name, value in scores.items()}, flush=True)
    for (method, given), scored in rows.items():
        append(file, stamp({**about, "method": method, "given": given, **contest.summary(scored)}))
    print(table(rows))


def results(asked: Contest, seed: int) -> Iterator[Result]:
    """Every method's graph of the faces of one seed."""
    whole = rendered.dataset(RECIPE, 2 * asked.images + asked.test_images, seed=seed)
    places = np.arange(len(whole))
    units, expressions = whole.take(places[: asked.images]), whole.take(places[asked.images : 2 * asked.images])
    test = whole.take(places[2 * asked.images :])
    told = contest.on_labels(labels(units))
    for name, found in told.items():
        yield Result(name, "labels", found)
    if asked.labels_only:
        return
    config, train = asked.settings.model, asked.settings.train
    rest = whole.take(places[asked.images :])  # the second half, whose units are guessed, and the test set
    for row in asked.rows:
        outcome = studies.trained(variant(config, row), train, (units, expressions), rest, seed)
        answers = tested(outcome.units["answer"], outcome.expressions["answer"], expressions, test)
        answers["train_cpu_s"] = outcome.seconds
        for name, graph in outcome.graphs.items():
            found = Found(graph, config.counterfactual.threshold)
            yield Result(f"CausalAffect row {row}, {name}", "halves", found, about=answers)
        if row == asked.rows[-1]:
            guessed = labels(expressions, outcome.units["answer"][: asked.images] > 0.0)
            for name, found in contest.on_labels(guessed).items():
                yield Result(name, "guessed", told[name], onwards=found)
    attentive = gatv2.trained(config, train, (units, expressions), rest, seed)
    answers = tested(attentive.units, attentive.expressions, expressions, test)
    yield Result("GATv2", "halves", attentive.found, about=answers | {"train_cpu_s": attentive.seconds})


def labels(of: Dataset, present: np.ndarray | None = None) -> Labels:
    """Labels of a data set, with other action units than its own if they are given."""
    shown = of.columns["units"] if present is None else present
    names = [name for name in of.labels if name != "neutral"]
    return baselines.labels(of.units, shown, names, of.columns["label"], of.labels)


def tested(units: np.ndarray, expressions: np.ndarray, learnt: Dataset, test: Dataset) -> dict[str, float]:
    """F1 and accuracy of logits on the test set, which come after those of the second half."""
    task = studies.task_of_halves(test, test)
    first = len(learnt)
    f1 = measures(task, "units", units[first:], test.columns)["f1"]
    return {
        "f1": f1,
        "accuracy": measures(task, "labels", expressions[first:], test.columns)["accuracy"],
    }


def keep(folder: Path, name: str, result: Result, truth: SignedGraph) -> None:
    """The graph as JSON and GraphML, and a picture of as many strongest edges as the truth has."""
    stem = folder / name.lower().replace(" ", "-").replace(",", "")
    for ending in ("json", "graphml"):
        graphs.write(result.found.graph, stem.with_name(f"{stem.name}.{ending}"))
    shown = graphs.restricted(result.found.graph, truth.units, truth.expressions)
    counts = (int((truth.between != 0.0).sum()), int((truth.to_expressions != 0.0).sum()))
    picture = figures.global_figure(graphs.strongest(shown, *counts), f"{result.method}, {result.given}")
    picture.savefig(stem.with_name(f"{stem.name}.png"), dpi=80)


COLUMNS = {
    "units_auroc": "AUROC",
    "units_skeleton_auroc": "skeleton",
    "units_precision": "AP",
    "units_direction": "direction",
    "units_sign": "sign",
    "units_hamming": "SHD",
    "units_hamming_own": "SHD, own",
    "expressions_auroc": "AUROC",
    "expressions_precision": "AP",
    "expressions_sign": "sign",
    "expressions_hamming": "SHD",
    "f1": "F1",
    "accuracy": "accuracy",
}


def table(rows: dict[tuple[str, str], list[dict[str, float]]]) -> str:
    """Means and sample deviations, in Markdown."""
    lines = ["| method | given | " + " | ".join(COLUMNS.values()) + " |", "|---" * (2 + len(COLUMNS)) + "|"]
    for (method, given), scored in rows.items():
        cells = []
        for name in COLUMNS:
            values = [row[name] for row in scored if name in row]
            spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.2f}{spread}" if values else "")
        lines.append(f"| {method} | {given} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
