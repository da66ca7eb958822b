"""`jaxface evaluate`: the metrics of a trained network, or of any classifier, on a data set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from jaxface import data, frameworks
from jaxface.cli import options, preflight
from jaxface.core import io, runtime
from jaxface.core.errors import ConfigError
from jaxface.data import rendered
from jaxface.data.registry import parse_options, require_reader
from jaxface.frameworks.common.data_config import RECIPE, recipe_at

if TYPE_CHECKING:
    from jaxface.data import Dataset


@dataclass(frozen=True)
class EvaluateSettings:
    """Which data set, and in what batches."""

    data: str = RECIPE
    """A data set's name (folder, rendered, ...), or `recipe`: rendered faces."""

    root: Path = Path("expressions")
    """Folder or file of the data set; of a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=test."""

    images: int = 512
    """Images of a recipe."""

    batch: int = 64
    """Images of one call."""

    seed: int = 1_000_000
    """Of a recipe: by default one that no training is likely to have used."""


@dataclass(frozen=True)
class Evaluate(options.Configured):
    """Evaluate a trained network or any classifier on a data set: accuracy, F1 and calibration; F1 per action
    unit, and error rates of women and men compared, where the data set has these labels."""

    network: tyro.conf.Positional[str] = ""
    """Folder of a training, folder of a classifier, or a classifier's name."""

    settings: Annotated[EvaluateSettings, tyro.conf.arg(name="")] = field(default_factory=EvaluateSettings)

    out: Path | None = None
    """Also write the metrics as JSON: a .json file, or a folder for evaluation.json."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse(Evaluate(), "evaluate", argv)
    if not command.network:
        raise ConfigError("name what to evaluate: the folder of a training or of a classifier, or a name")
    preflight.check_classifiers([command.network])
    if command.settings.data != RECIPE:
        require_reader(command.settings.data)
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    network = frameworks.load_network(command.network)
    dataset = open_dataset(command.settings, frameworks.input_size(network))
    metrics = frameworks.evaluate(network, dataset, batch=command.settings.batch)
    for name, value in metrics.items():
        print(f"{name:24}{value:.4f}" if isinstance(value, float) else f"{name:24}{value}")
    if command.out is not None:
        path = command.out if command.out.suffix == ".json" else command.out / "evaluation.json"
        io.write_text(path, json.dumps(metrics, indent=2) + "\n")
        print(path)
    return 0


def open_dataset(settings: EvaluateSettings, size: int | None) -> "Dataset":
    """Open the data set that the settings name; a recipe is rendered at `size` pixels."""
    if settings.data != RECIPE:
        return data.open(settings.data, settings.root, **parse_options(settings.options))
    return rendered.dataset(recipe_at(settings.root, size), settings.images, settings.seed)
