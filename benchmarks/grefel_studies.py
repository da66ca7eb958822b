"""The studies of GReFEL's supplement, one command each, on rendered faces or on a data set of yours.

    python benchmarks/grefel_studies.py --list
    python benchmarks/grefel_studies.py methods --noise 0 0.1 0.3 0.5 --out benchmarks/results
    python benchmarks/grefel_studies.py anchors --data folder --root FACES --model.extractor poster-v2

Networks are judged on clean labels of people who were not trained on, after the last step,
whatever the test set says. A JSON line for each network and seed, and one with means and sample deviations.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from jaxface.frameworks.common.seeds import aggregate_seeds

from jaxface import data
from jaxface.bench.harness import append, results_file, stamp
from jaxface.core.config import load_toml
from jaxface.data import Dataset, rendered
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.inputs import DataConfig, parse_options
from jaxface.frameworks.grefel import reliability, studies
from jaxface.frameworks.grefel.config import GrefelConfig

CONFIG = Path(__file__).parent.parent / "configs" / "train-grefel-small.toml"


@dataclass(frozen=True)
class Settings:
    """What a TOML file may hold, as that of `jaxface train grefel`."""

    model: GrefelConfig = field(default_factory=GrefelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    data: DataConfig = field(default_factory=DataConfig)
    seed: int = 0


@dataclass(frozen=True)
class Study:
    """What is compared, on what."""

    study: Annotated[str, tyro.conf.Positional]
    """Name of the study; --list tells them."""

    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    seeds: int = 3
    """0, 1, ...: of flips, order and parameters."""

    images: int = 1000
    """Rendered training images."""

    people: int = 200
    """How many people they are of."""

    test_images: int = 1000
    """Rendered test images, of as many other people; of a data set a fifth of the people is the test set."""

    first_tested: int = 1_000_000
    """Number of the first person of the rendered test set; with another one, settings are chosen on people who
    decide nothing."""

    size: int = 64
    """Pixels along an edge."""

    grid: Annotated[studies.Grid, tyro.conf.arg(name="")] = field(default_factory=studies.Grid)
    out: Path = Path("runs")
    """Folder of the results."""


def main() -> None:
    config, named = _first_flags()
    default = Study(named or "", settings=load_toml(Settings, config))
    asked = tyro.cli(Study, default=default, prog="grefel_studies.py", args=_rest())
    training, test = examples(asked)
    file = results_file(asked.out, "grefel")
    about = {"study": asked.study, "images": len(training), "test_images": len(test)}
    about["first_tested"] = asked.first_tested
    about |= {"steps": asked.settings.train.steps, "batch": asked.settings.train.batch}
    for variant in studies.variants(asked.study, asked.settings.model, asked.grid):
        rows = []
        for seed in range(asked.seeds):
            begun = time.process_time()
            outcome = studies.trained(variant, asked.settings.train, training, test, seed)
            found = studies.measures(outcome, test)
            found["whole_cpu_s"] = time.process_time() - begun
            row = {**about, **described(variant), "seed": seed, **found}
            append(file, stamp(row))
            rows.append(found)
            if asked.study == "confidence" and outcome.corrected is not None:
                diagrams(asked.out / f"reliability-{seed}.svg", outcome, test)
        means = {**about, **described(variant), **aggregate_seeds(rows)}
        append(file, stamp(means))
        print(told(means), flush=True)


def examples(asked: Study) -> tuple[Dataset, Dataset]:
    """Training and test set, without a person in common."""
    settings = asked.settings.data
    if settings.data != "recipe":
        whole = data.open(settings.data, settings.root, **parse_options(settings.options))
        test, training = whole.split(0.2, 0, by="identity" if "identity" in whole.columns else None)
        return in_memory(training, asked.size), in_memory(test, asked.size)
    recipe = rendered.load_recipe(settings.root)
    recipe = dataclasses.replace(recipe, size=asked.size)

    def drawn(images: int, people: int, first: int) -> Dataset:
        who = dataclasses.replace(recipe.people, identities=people, first=first)
        return rendered.dataset(dataclasses.replace(recipe, people=who), images, seed=first)

    return drawn(asked.images, asked.people, 0), drawn(asked.test_images, asked.test_images, asked.first_tested)


def in_memory(dataset: Dataset, size: int) -> Dataset:
    """All images decoded once, of one size."""
    rows = dataset.rows(np.arange(len(dataset)), size)
    return dataclasses.replace(dataset, source=data.ArraySource(rows["image"]))


def diagrams(path: Path, outcome: studies.Outcome, test: Dataset) -> None:
    truth = test.column("label")
    answers = {"before": outcome.primary, "after correction": outcome.corrected}
    reliability.draw(
        path, {name: reliability.bins(each, truth) for name, each in answers.items() if each is not None}
    )


def described(variant: studies.Variant) -> dict[str, Any]:
    config = variant.config
    return {
        "variant": variant.name,
        "method": config.method,
        "anchors": config.balance.anchors if config.method == "grefel" else 0,
        "smoothing": config.losses.smoothing,
        "noise": variant.noise,
        "attention": config.balance.attention if config.method == "grefel" else None,
    }


def told(means: dict[str, Any]) -> str:
    """One line for the terminal."""
    shown = [f"{means['variant']:32}"]
    for name in ("accuracy", "corrected_accuracy", "calibration_error", "corrected_calibration_error"):
        if name in means:
            shown.append(f"{name} {means[name]:.4f} +- {means[f'{name}_sd'] or 0:.4f}")
    return "  ".join(shown)


def _first_flags() -> tuple[Path, str | None]:
    """The file that gives the defaults, and the study; `--list` tells the studies and ends."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--list", action="store_true")
    known, rest = parser.parse_known_args()
    if known.list:
        for name, (about, _) in studies.STUDIES.items():
            print(f"{name:14}{about}")
        raise SystemExit(0)
    return known.config, next((word for word in rest[:1] if not word.startswith("-")), None)


def _rest() -> list[str]:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path)
    return parser.parse_known_args()[1]


if __name__ == "__main__":
    main()
