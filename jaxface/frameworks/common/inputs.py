"""From the settings of a training to its batches, its validation set and its task."""

import dataclasses
from typing import NamedTuple

import numpy as np

from jaxface import data
from jaxface.core.errors import DataError
from jaxface.data import Dataset, Stream, rendered
from jaxface.data.fingerprints import fingerprint
from jaxface.data.registry import parse_options
from jaxface.frameworks.common.config import OutputKind, Task
from jaxface.frameworks.common.data_config import RECIPE, DataConfig, recipe_at

_VALIDATION_STREAM = 1  # stream of a recipe that validation images are of, besides the training's own


class TrainInputs(NamedTuple):
    """The examples of a training."""

    stream: Stream  # of batches, at its beginning
    validation: Dataset | None  # None where nothing is held out
    task: Task  # of both
    name: str  # of the data set, for the card
    examples: int  # how many there are to train on; 0 = endless
    notes: tuple[str, ...] = ()  # what a reader left out and why, a line each
    content: str = ""  # a sum that changes with the examples; a training belongs to it


def open_inputs(config: DataConfig, batch: int, size: int | None, output: OutputKind, seed: int) -> TrainInputs:
    """Open the examples that a config names.

    Args:
        size: pixels along an edge; None = as they are.
        output: what is to be learnt.
        seed: of the order, and of what is held out.

    Raises:
        DataError: the data set is missing, or lacks what is to be learnt.
        ConfigError: no such recipe, or data sets of different classes.
    """
    if config.data == RECIPE:
        return _open_recipe(config, batch, size, output, seed)
    train = data.open(config.data, config.root, **parse_options(config.options))
    notes, validation, everything = tuple(str(train.report).splitlines()), None, train
    if config.validation:
        validation = data.open(config.data, config.root, **parse_options(config.validation))
        if validation.labels != train.labels and validation.labels:
            validation = validation.relabel(train.labels)
    else:
        train, validation = hold_out(train, config.held_out, seed)
    task = task_of(train, size, output)
    if output == "labels":
        _require_two_classes(train)
    stream = data.batches(train, batch, seed, size=task.size, workers=config.workers)
    content = fingerprint(everything, validation if config.validation else None)
    return TrainInputs(stream, validation, task, train.name, len(train), notes, content)


def _require_two_classes(dataset: Dataset) -> None:
    labels = np.unique(dataset.columns["label"])
    if len(labels) < 2:
        names = [dataset.labels[label] for label in labels]
        raise DataError(
            f"all {len(dataset)} images of {dataset.name} to train on are {' '.join(names)!r}: there is "
            "nothing to tell apart; a training needs two classes"
        )


def hold_out(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Split a data set into training and the share held out, by people where it has identities."""
    if not share:
        return dataset, None
    by = "identity" if "identity" in dataset.columns else None
    validation, train = dataset.split(share, seed, by=by)
    return train, validation


def _open_recipe(
    config: DataConfig, batch: int, size: int | None, output: OutputKind, seed: int
) -> TrainInputs:
    recipe = recipe_at(config.root, size)
    assets = rendered.build_assets(recipe)
    stream = rendered.rendered_stream(assets, batch, 2 * seed)
    validation = None
    if config.validation_images:
        validation = rendered.dataset(assets, config.validation_images, 2 * seed + _VALIDATION_STREAM)
    task = task_of(validation or rendered.dataset(assets, 1), None, output)
    name = f"rendered faces, recipe {recipe.name}"
    return TrainInputs(stream, validation, task, name, 0, content=fingerprint(assets))


def task_of(dataset: Dataset, size: int | None, output: OutputKind) -> Task:
    """Return what a data set of images of `size` pixels (None: their own) asks of a network.

    Raises:
        DataError: the data set lacks what is to be learnt.
    """
    column = {"labels": "label", "units": "units"}[output]
    if column not in dataset.columns:
        raise DataError(
            f"{dataset.name} has no column {column!r}, which is to be learnt; it has "
            f"{', '.join(dataset.columns) or 'none'}"
        )
    if output == "labels" and dataset.columns[column].min(initial=0) < 0:
        raise DataError(f"{dataset.name} has images whose label is unknown (-1); leave them out with `take`")
    height, width, channels = dataset[0]["image"].shape
    if size is None and height != width:
        raise DataError(f"{dataset.name} has images of {height} x {width} pixels; wanted square ones")
    extras = tuple(
        (name, int(values.max()) + 1)
        for name, values in sorted(dataset.columns.items())
        if name != "label" and values.ndim == 1 and values.dtype.kind in "iu" and values.min() >= 0
    )
    return Task(dataset.labels, dataset.units, size or height, channels, extras)


def select_units(dataset: Dataset, units: tuple[int, ...]) -> Dataset:
    """Return the data set with these action units alone; raise DataError for a missing one."""
    missing = [unit for unit in units if unit not in dataset.units]
    if missing:
        raise DataError(f"{dataset.name} has no action unit {missing[0]}; it has {list(dataset.units)}")
    indices = [dataset.units.index(unit) for unit in units]
    selection = {
        name: dataset.columns[name][:, indices]
        for name in ("units", "units_known", "intensity")
        if name in dataset.columns
    }
    return dataclasses.replace(dataset, columns={**dataset.columns, **selection}, units=units)
