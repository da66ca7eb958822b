"""From the settings of a training to its batches, its validation set and its task."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxface import data
from jaxface.core.errors import ConfigError, DataError
from jaxface.data import Dataset, Stream, rendered
from jaxface.data.registry import parse_options
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import Framework, OutputKind, Task

RECIPE = "recipe"
_ELSEWHERE = 1  # stream of a recipe that validation images are of, beside the training's own


@dataclass(frozen=True)
class DataConfig:
    """Which examples."""

    data: str = RECIPE
    """A data set's name (folder, rendered, ...), or `recipe`: faces that are rendered while training goes
    on."""

    root: Path = Path("expressions")
    """Folder or file of the data set; of a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=train."""

    validation: tuple[str, ...] = ()
    """NAME=VALUE for the reader of the validation set, such as split=val; none = some of the examples are held
    out."""

    held_out: float = 0.1
    """Share of the examples that are held out for validation, of people where the data know them; 0 = none."""

    validation_images: int = 512
    """Images of a recipe that are drawn for validation; 0 = none."""

    workers: int = 2
    """Threads that read images ahead."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.held_out < 1.0:
            raise ConfigError(f"held_out = {self.held_out}; wanted 0 <= held_out < 1")
        if self.validation_images < 0 or self.workers < 0:
            raise ConfigError("validation_images and workers want to be 0 or more")


class TrainInputs(NamedTuple):
    """What a training is given.

    Attributes:
        stream: of batches, at its beginning.
        validation: None where nothing is held out.
        task: of both.
        name: of the data set, for the card.
        examples: how many there are to train on; 0 = without end.
        notes: what a reader left out and why, a line each.
    """

    stream: Stream
    validation: Dataset | None
    task: Task
    name: str
    examples: int
    notes: tuple[str, ...] = ()


def inputs_of(framework: Framework, model: Any, train: TrainConfig, settings: Any, seed: int) -> TrainInputs:
    """What a framework is trained on: of one data set, or as the framework itself mixes several.

    Args:
        model: the framework's config.
        settings: of the kind `settings_of(framework)`.

    Raises:
        as `open_inputs`.
    """
    if framework.inputs is not None:
        found: TrainInputs = framework.inputs(model, settings, train, seed)
        return found
    return open_inputs(settings, train.batch, framework.size(model), framework.answers, seed)


def settings_of(framework: Framework) -> type[Any]:
    """The dataclass of a framework's `[data]` settings."""
    return framework.data or DataConfig


def open_inputs(
    config: DataConfig, batch: int, size: int | None, answers: OutputKind, seed: int
) -> TrainInputs:
    """The examples that a config names.

    Args:
        batch: examples of a batch.
        size: pixels along an edge; None = as they are.
        answers: what is to be learnt.
        seed: of the order, and of what is held out.

    Raises:
        DataError: the data set is missing, or has not what is to be learnt.
        ConfigError: no such recipe, or data sets of different classes.
    """
    if config.data == RECIPE:
        return _of_recipe(config, batch, size, answers, seed)
    whole = data.open(config.data, config.root, **parse_options(config.options))
    if config.validation:
        train, held = whole, data.open(config.data, config.root, **parse_options(config.validation))
        if held.labels != train.labels and held.labels:
            held = held.relabel(train.labels)
    elif config.held_out:
        by = "identity" if "identity" in whole.columns else None
        held, train = whole.split(config.held_out, seed, by=by)
    else:
        train, held = whole, None
    task = task_of(train, size, answers)
    stream = data.batches(train, batch, seed, size=task.size, workers=config.workers)
    return TrainInputs(stream, held, task, whole.name, len(train), tuple(str(whole.report).splitlines()))


def _of_recipe(config: DataConfig, batch: int, size: int | None, answers: OutputKind, seed: int) -> TrainInputs:
    recipe = recipe_at(config.root, size)
    studio = rendered.build_assets(recipe)
    stream = rendered.rendered_stream(studio, batch, 2 * seed)
    held = None
    if config.validation_images:
        held = rendered.dataset(studio, config.validation_images, 2 * seed + _ELSEWHERE)
    task = task_of(held or rendered.dataset(studio, 1), None, answers)
    return TrainInputs(stream, held, task, f"rendered faces, recipe {recipe.name}", 0)


def recipe_at(root: Path, size: int | None) -> rendered.RenderedDatasetConfig:
    """A recipe by its name or file, with images of a size.

    Raises:
        ConfigError: no such recipe.
    """
    found = rendered.load_recipe(root if root.suffix else str(root))
    return found if size is None else dataclasses.replace(found, size=size)


def task_of(dataset: Dataset, size: int | None, answers: OutputKind) -> Task:
    """What a data set asks of a network.

    Args:
        size: pixels along an edge that images are brought to; None = they have one.

    Raises:
        DataError: the data set does not say what is to be learnt.
    """
    column = {"labels": "label", "units": "units"}[answers]
    if column not in dataset.columns:
        raise DataError(
            f"{dataset.name} has no column {column!r}, which is to be learnt; it has {_known(dataset)}"
        )
    if answers == "labels" and dataset.columns[column].min(initial=0) < 0:
        raise DataError(f"{dataset.name} has images whose label is unknown (-1); leave them out with `take`")
    height, width, channels = dataset[0]["image"].shape
    if size is None and height != width:
        raise DataError(f"{dataset.name} has images of {height} x {width} pixels; wanted square ones")
    extras = tuple(
        (name, int(values.max()) + 1)
        for name, values in sorted(dataset.columns.items())
        if name != "label"
        and values.ndim == 1
        and np.issubdtype(values.dtype, np.integer)
        and values.min() >= 0
    )
    return Task(dataset.labels, dataset.units, size or height, channels, extras)


def _known(dataset: Dataset) -> str:
    return ", ".join(dataset.columns) or "none"
