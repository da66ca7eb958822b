"""The studies of GReFEL's supplement, one command each, on rendered faces or on a data set of yours.

    python -m benchmarks.grefel_studies --list
    python -m benchmarks.grefel_studies methods --noise 0 0.1 0.3 0.5 --out benchmarks/results
    python -m benchmarks.grefel_studies anchors --data folder --root FACES --model.extractor poster-v2

Networks are judged on clean labels of people who were not trained on, after the last step,
whatever the test set says. A JSON line for each network and seed, and one with means and sample deviations.
"""

import argparse
import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from jaxface import data
from jaxface.bench.harness import append, results_file, stamp
from jaxface.core.config import load_toml
from jaxface.data import Dataset, rendered
from jaxface.data.registry import parse_options
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.inputs import DataConfig
from jaxface.frameworks.grefel.config import GrefelConfig
from studies.grefel import reliability, variants
from studies.seeds import aggregate_seeds

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
    """What is compared, and on which data."""

    study: Annotated[str, tyro.conf.Positional]
    """Name of the study; --list lists them."""

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

    grid: Annotated[variants.Grid, tyro.conf.arg(name="")] = field(default_factory=variants.Grid)
    out: Path = Path("runs")
    """Folder of the results."""


def main() -> None:
    config, name = _first_flags()
    default = Study(name or "", settings=load_toml(Settings, config))
    options = tyro.cli(Study, default=default, prog="grefel_studies.py", args=_rest())
    training, test = examples(options)
    file = results_file(options.out, "grefel")
    about = {"study": options.study, "images": len(training), "test_images": len(test)}
    about["first_tested"] = options.first_tested
    about |= {"steps": options.settings.train.steps, "batch": options.settings.train.batch}
    for variant in variants.variants(options.study, options.settings.model, options.grid):
        rows = []
        for seed in range(options.seeds):
            start = time.process_time()
            run = variants.train_variant(variant, options.settings.train, training, test, seed)
            metrics = variants.metrics_row(run, test)
            metrics["whole_cpu_s"] = time.process_time() - start
            append(file, stamp({**about, **describe(variant), "seed": seed, **metrics}))
            rows.append(metrics)
            if options.study == "confidence" and run.corrected is not None:
                diagrams(options.out / f"reliability-{seed}.svg", run, test)
        means = {**about, **describe(variant), **aggregate_seeds(rows)}
        append(file, stamp(means))
        print(summary_line(means), flush=True)


def examples(options: Study) -> tuple[Dataset, Dataset]:
    """Training and test set, without a person in common."""
    settings = options.settings.data
    if settings.data != "recipe":
        whole = data.open(settings.data, settings.root, **parse_options(settings.options))
        test, training = whole.split(0.2, 0, by="identity" if "identity" in whole.columns else None)
        return in_memory(training, options.size), in_memory(test, options.size)
    recipe = rendered.load_recipe(settings.root)
    recipe = dataclasses.replace(recipe, size=options.size)

    def render(images: int, people: int, first: int) -> Dataset:
        who = dataclasses.replace(recipe.people, identities=people, first=first)
        return rendered.dataset(dataclasses.replace(recipe, people=who), images, seed=first)

    return (
        render(options.images, options.people, 0),
        render(options.test_images, options.test_images, options.first_tested),
    )


def in_memory(dataset: Dataset, size: int) -> Dataset:
    """All images decoded once, of one size."""
    rows = dataset.rows(np.arange(len(dataset)), size)
    return dataclasses.replace(dataset, source=data.ArraySource(rows["image"]))


def diagrams(path: Path, run: variants.StudyRun, test: Dataset) -> None:
    """Write the reliability diagrams of a network's predictions."""
    labels = test.column("label")
    predictions = {"before": run.primary, "after correction": run.corrected}
    reliability.draw(
        path,
        {name: reliability.bins(array, labels) for name, array in predictions.items() if array is not None},
    )


def describe(variant: variants.Variant) -> dict[str, Any]:
    config = variant.config
    return {
        "variant": variant.name,
        "method": config.method,
        "anchors": config.balance.anchors if config.method == "grefel" else 0,
        "smoothing": config.losses.smoothing,
        "noise": variant.noise,
        "attention": config.balance.attention if config.method == "grefel" else None,
    }


def summary_line(means: dict[str, Any]) -> str:
    """One line for the terminal."""
    cells = [f"{means['variant']:32}"]
    for name in ("accuracy", "corrected_accuracy", "calibration_error", "corrected_calibration_error"):
        if name in means:
            cells.append(f"{name} {means[name]:.4f} +- {means[f'{name}_sd'] or 0:.4f}")
    return "  ".join(cells)


def _first_flags() -> tuple[Path, str | None]:
    """The file that gives the defaults, and the study; `--list` lists the studies and ends."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--list", action="store_true")
    flags, rest = parser.parse_known_args()
    if flags.list:
        for name, (about, _) in variants.STUDIES.items():
            print(f"{name:14}{about}")
        raise SystemExit(0)
    return flags.config, next((word for word in rest[:1] if not word.startswith("-")), None)


def _rest() -> list[str]:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", type=Path)
    return parser.parse_known_args()[1]


if __name__ == "__main__":
    main()
