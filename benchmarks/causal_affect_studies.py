"""Rows of CausalAffect's Table 3 on rendered faces, and what its graphs and its HSIC cost.

    python benchmarks/causal_affect_studies.py rows --out runs/causal
    python benchmarks/causal_affect_studies.py rows --rows 1 --part development   (to choose steps and rate)
    python benchmarks/causal_affect_studies.py cost --out benchmarks/results

Half of the training faces teach action units alone and half expressions alone; networks are judged after the
last step, whatever the test set says, on people who were not trained on. A JSON line for each network and seed,
and one with means and sample deviations; the graphs as JSON in OUT/graphs, with their scores against the known
world of the recipe in the lines.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from jaxface.frameworks.common.seeds import aggregate_seeds

from jaxface import data
from jaxface.bench.harness import append, results_file, stamp
from jaxface.core.config import load_toml
from jaxface.data import Dataset, rendered
from jaxface.frameworks.causal_affect import CausalAffectConfig, costs, studies, variants
from jaxface.frameworks.causal_affect.graphs import SignedGraph, of_world, scores, write
from jaxface.frameworks.causal_affect.inputs import MixedConfig
from jaxface.frameworks.common.config import TrainConfig

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
    """What is measured, on what."""

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
    """Whom networks are judged on: settings are chosen on the development people, who are in no other set."""

    repeats: int = 30
    """Steps of each row that `cost` measures, one row after another in turn."""

    cache: Path | None = None
    """Folder where drawn faces are kept and looked for; none = drawn anew."""

    out: Path = Path("runs")
    """Folder of the results."""


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path, default=CONFIG)
    known, rest = parser.parse_known_args()
    default = Study(settings=load_toml(Settings, known.config))
    asked = tyro.cli(Study, default=default, prog="causal_affect_studies.py", args=rest)
    (table if asked.study == "rows" else cost)(asked)


def table(asked: Study) -> None:
    """Train every row with every seed."""
    halves = faces(asked, "units", asked.images // 2), faces(asked, "label", asked.images // 2)
    test = faces(asked, asked.part, asked.test_images)
    task, truth = studies.task_of_halves(*halves), known_world(asked)
    file = results_file(asked.out, "causal_affect")
    train = asked.settings.train
    about = {"study": "rows", "recipe": asked.recipe, "images": asked.images, "judged_on": asked.part}
    about |= {"test_images": asked.test_images, "steps": train.steps, "batch": train.batch}
    about |= {"learning_rate": train.optimiser.learning_rate}
    named = {number: {**about, "row": number, "name": variants.row(number).name} for number in asked.rows}
    found: dict[int, list[dict[str, Any]]] = {number: [] for number in asked.rows}
    for seed in range(asked.seeds):
        for number in asked.rows:
            begun = time.process_time()
            config = variants.variant(asked.settings.model, number)
            outcome = studies.trained(config, train, halves, test, seed)
            one = studies.measured(outcome, task, test.columns)
            for kind, graph in outcome.graphs.items():
                folder = asked.out / "graphs"
                folder.mkdir(parents=True, exist_ok=True)
                write(graph, folder / f"row{number}-seed{seed}-{kind}.json")
                one |= scored(graph, truth, kind)
            one["whole_cpu_s"] = time.process_time() - begun
            append(file, stamp({**named[number], "seed": seed, **one, "last": outcome.info}))
            found[number].append(one)
            print(told({**named[number], **aggregate_seeds([one])}), f"seed {seed}", flush=True)
    for number, rows in found.items():
        means = {**named[number], **aggregate_seeds(rows)}
        append(file, stamp(means))
        print(told(means), flush=True)


def cost(asked: Study) -> None:
    """What a step of each row costs next to the backbone's, and HSIC of all pairs next to a loop over them."""
    halves = (
        faces(asked, "units", asked.settings.train.batch),
        faces(asked, "label", asked.settings.train.batch),
    )
    file = results_file(asked.out, "causal_affect")
    found = costs.steps(asked.settings.model, asked.settings.train, halves, asked.rows, asked.repeats)
    for line in (*found, *costs.dependence(asked.repeats)):
        append(file, stamp({"study": "cost", **line}))
        print(line, flush=True)


def faces(asked: Study, part: str, count: int) -> Dataset:
    """Faces of people that are in no other part, in memory."""
    recipe = rendered.load_recipe(asked.recipe)
    who = dataclasses.replace(recipe.people, identities=count, first=FAR[part])
    recipe = dataclasses.replace(recipe, people=who)
    if asked.cache is None:
        return rendered.dataset(recipe, count, seed=FAR[part])
    folder = asked.cache / f"{recipe.name}-{part}-{count}"
    if not (folder / "about.json").is_file():
        rendered.render_dataset(recipe, count, folder, seed=FAR[part])
    kept = data.open("rendered", folder)
    return dataclasses.replace(kept, source=data.ArraySource(kept.rows(np.arange(len(kept)))["image"]))


def known_world(asked: Study) -> SignedGraph | None:
    """The graph that the recipe's units are drawn from; None where they are not."""
    name = rendered.load_recipe(asked.recipe).units.causes
    return of_world(rendered.load_world(name)) if name else None


def scored(graph: SignedGraph, truth: SignedGraph | None, kind: str) -> dict[str, float]:
    """Scores against the known world, `between` units and `across` to expressions."""
    if truth is None:
        return {}
    pairs = zip(("between", "across"), scores.score(graph, truth, EDGE), strict=True)
    return {
        f"{kind}_{where}_{name}": float(value)
        for where, of in pairs
        for name, value in dataclasses.asdict(of).items()
    }


def told(means: dict[str, Any]) -> str:
    """One line for the terminal."""
    shown = [f"{means['row']:3} {means['name']:16}"]
    for name in ("units_f1_answer", "accuracy_answer", "mean_class_accuracy_answer"):
        shown.append(f"{name} {means[name]:.4f} +- {means[f'{name}_sd'] or 0:.4f}")
    return "  ".join(shown)


if __name__ == "__main__":
    main()
