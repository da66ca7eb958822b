"""Rows of CausalAffect's Table 3 on rendered faces, and what its graphs and its HSIC cost.

    python -m benchmarks.causal_affect_studies rows --out runs/causal
    python -m benchmarks.causal_affect_studies rows --rows 1 --part development   (to choose steps and rate)
    python -m benchmarks.causal_affect_studies cost --out benchmarks/results

Half of the training faces teach action units alone and half expressions alone; networks are judged after the
last step, whatever the test set says, on people who were not trained on. A JSON line for each network and seed,
and one with means and sample deviations; the graphs as JSON in OUT/graphs, with their scores against the known
world of the recipe in the lines.
"""

import argparse
import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from jaxface import data
from jaxface.bench.harness import append, results_file, stamp
from jaxface.core.config import load_toml
from jaxface.data import Dataset, rendered
from jaxface.frameworks.causal_affect import CausalAffectConfig, MixedConfig, rows, variant
from jaxface.frameworks.causal_affect.graphs import SignedGraph, score, world_graph, write
from jaxface.frameworks.common.config import TrainConfig
from studies.causal_affect import halves as study
from studies.causal_affect import timing_study
from studies.seeds import aggregate_seeds

CONFIG = Path(__file__).parent.parent / "configs" / "train-causal-small.toml"
FAR = {"units": 0, "label": 1_000_000, "development": 2_000_000, "test": 3_000_000}
"""Number of the first person of each set: none is in two of them."""

EDGE = 0.2
"""Magnitude from which a learnt edge counts, where no number of edges is given: the thresholds' start."""


@dataclass(frozen=True)
class Settings:
    """What a TOML file may hold, as that of `jaxface train causal_affect`."""

    model: CausalAffectConfig = field(default_factory=CausalAffectConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    data: MixedConfig = field(default_factory=MixedConfig)
    seed: int = 0


@dataclass(frozen=True)
class Study:
    """What is measured, and on which data."""

    study: Annotated[Literal["rows", "cost"], tyro.conf.Positional] = "rows"
    """Rows of Table 3 as they learn, or what a step costs."""

    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    rows: tuple[int, ...] = (1, 3, 12, 14, 15)
    """Numbers in the paper's table."""

    seeds: int = 3
    """0, 1, ...: of order and parameters."""

    recipe: str = "causes"
    """Of the faces: a recipe's name or TOML file."""

    images: int = 3000
    """Training images, half of them for action units and half for expressions; each of another person."""

    test_images: int = 1200
    """Images of as many other people."""

    part: Literal["test", "development"] = "test"
    """The evaluation set: settings are chosen on the development people, who are in no other set."""

    repeats: int = 30
    """Steps of each row that `cost` measures, one row after another in turn."""

    cache: Path | None = None
    """Folder of rendered faces; none = rendered anew."""

    out: Path = Path("runs")
    """Folder of the results."""


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path, default=CONFIG)
    flags, rest = parser.parse_known_args()
    default = Study(settings=load_toml(Settings, flags.config))
    options = tyro.cli(Study, default=default, prog="causal_affect_studies.py", args=rest)
    (table if options.study == "rows" else cost)(options)


def table(options: Study) -> None:
    """Train every row with every seed."""
    halves = faces(options, "units", options.images // 2), faces(options, "label", options.images // 2)
    test = faces(options, options.part, options.test_images)
    task, truth = study.task_of_halves(*halves), true_graph(options)
    file = results_file(options.out, "causal_affect")
    train = options.settings.train
    about = {"study": "rows", "recipe": options.recipe, "images": options.images, "judged_on": options.part}
    about |= {"test_images": options.test_images, "steps": train.steps, "batch": train.batch}
    about |= {"learning_rate": train.optimizer.learning_rate}
    labels = {number: {**about, "row": number, "name": rows()[number - 1].name} for number in options.rows}
    results: dict[int, list[dict[str, Any]]] = {number: [] for number in options.rows}
    for seed in range(options.seeds):
        for number in options.rows:
            start = time.process_time()
            config = variant(options.settings.model, number)
            run = study.train_halves(config, train, halves, test, seed)
            row = study.metrics_row(run, task, test.columns)
            for kind, graph in run.graphs.items():
                folder = options.out / "graphs"
                folder.mkdir(parents=True, exist_ok=True)
                write(graph, folder / f"row{number}-seed{seed}-{kind}.json")
                row |= score_graph(graph, truth, kind)
            row["whole_cpu_s"] = time.process_time() - start
            append(file, stamp({**labels[number], "seed": seed, **row, "last": run.info}))
            results[number].append(row)
            print(summary_line({**labels[number], **aggregate_seeds([row])}), f"seed {seed}", flush=True)
    for number, seed_rows in results.items():
        means = {**labels[number], **aggregate_seeds(seed_rows)}
        append(file, stamp(means))
        print(summary_line(means), flush=True)


def cost(options: Study) -> None:
    """Time a step of each row and the backbone's, and HSIC of all pairs by one product and by a loop."""
    halves = (
        faces(options, "units", options.settings.train.batch),
        faces(options, "label", options.settings.train.batch),
    )
    file = results_file(options.out, "causal_affect")
    rows = timing_study.time_steps(
        options.settings.model, options.settings.train, halves, options.rows, options.repeats
    )
    for line in (*rows, *timing_study.time_dependence(options.repeats)):
        append(file, stamp({"study": "cost", **line}))
        print(line, flush=True)


def faces(options: Study, part: str, count: int) -> Dataset:
    """Return faces of people that are in no other part, in memory."""
    recipe = rendered.load_recipe(options.recipe)
    who = dataclasses.replace(recipe.people, identities=count, first=FAR[part])
    recipe = dataclasses.replace(recipe, people=who)
    if options.cache is None:
        return rendered.dataset(recipe, count, seed=FAR[part])
    folder = options.cache / f"{recipe.name}-{part}-{count}"
    if not (folder / "about.json").is_file():
        rendered.render_dataset(recipe, count, folder, seed=FAR[part])
    dataset = data.open("rendered", folder)
    images = dataset.rows(np.arange(len(dataset)))["image"]
    return dataclasses.replace(dataset, source=data.ArraySource(images))


def true_graph(options: Study) -> SignedGraph | None:
    """Return the graph that the recipe samples its units from; None where there is none."""
    name = rendered.load_recipe(options.recipe).units.causes
    return world_graph(rendered.load_world(name)) if name else None


def score_graph(graph: SignedGraph, truth: SignedGraph | None, kind: str) -> dict[str, float]:
    """Score a graph against the true one, `between` units and `across` to expressions."""
    if truth is None:
        return {}
    pairs = zip(("between", "across"), score(graph, truth, EDGE), strict=True)
    return {
        f"{kind}_{where}_{name}": float(value)
        for where, scores in pairs
        for name, value in dataclasses.asdict(scores).items()
    }


def summary_line(means: dict[str, Any]) -> str:
    """One line for the terminal."""
    cells = [f"{means['row']:3} {means['name']:16}"]
    for name in ("units_f1_answer", "accuracy_answer", "mean_class_accuracy_answer"):
        cells.append(f"{name} {means[name]:.4f} +- {means[f'{name}_sd'] or 0:.4f}")
    return "  ".join(cells)


if __name__ == "__main__":
    main()
