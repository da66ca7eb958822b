"""Join data sets of different labels: expressions by name, action units by number.

Labels that one of them lacks are unknown for its images: `label` -1, `units_known` False.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxface.core.errors import ConfigError, DataError
from jaxface.data.dataset import Dataset, ReadReport
from jaxface.data.pipeline import Stream
from jaxface.data.sources import ImageSource

_LOCAL = ("intensity", "identity", "index")  # numbers that mean nothing in another data set
Vocabulary = tuple[Sequence[str], Sequence[int]]
"""Classes, and numbers of action units; () = none."""

JOINED = ("label", "units", "units_known")
"""The columns that are joined; other columns remain only if all data sets have them."""


def joint_units(datasets: Sequence[Dataset]) -> tuple[int, ...]:
    """Return every action unit that a data set labels, by number."""
    return tuple(sorted({unit for each in datasets if "units" in each.columns for unit in each.units}))


def joint_labels(datasets: Sequence[Dataset]) -> tuple[str, ...]:
    """Return every class that a data set labels, in order of first appearance."""
    names = (name for each in datasets if "label" in each.columns for name in each.labels)
    return tuple(dict.fromkeys(names))


def align_columns(
    columns: Mapping[str, np.ndarray],
    source: Vocabulary,
    target: Vocabulary,
) -> dict[str, np.ndarray]:
    """Translate the columns of a data set, or of a batch of it, to other classes and action units.

    Args:
        columns: (N, ...) each.
        source: classes and action units of the columns; with () the column is ignored.
        target: classes and action units of the result; those that the source lacks are unknown.

    Returns:
        every column, with `label` (N,) int32, `units` (N, U) float32, `units_known` (N, U) bool.
    """
    count = len(next(iter(columns.values())))
    (labels, units), (target_labels, target_units) = source, target
    label = np.full(count, -1, np.int32)
    if labels and "label" in columns:
        # One more entry, so that -1 (unknown) indexes it and stays -1.
        new_index = np.array(
            [target_labels.index(name) if name in target_labels else -1 for name in labels] + [-1]
        )
        label = new_index[np.asarray(columns["label"])].astype(np.int32)
    presence = np.zeros((count, len(target_units)), np.float32)
    known_mask = np.zeros((count, len(target_units)), bool)
    if units and "units" in columns:
        source_presence = np.asarray(columns["units"], np.float32)
        source_known = np.asarray(columns.get("units_known", np.ones(source_presence.shape, bool)))
        presence = align_units(source_presence, units, target_units)
        known_mask = align_units(source_known, units, target_units)
    return {**columns, "label": label, "units": presence, "units_known": known_mask}


def align_units(values: np.ndarray, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
    """Return values (N, U) of action units as (N, U'), those of the target; 0 where it has more."""
    aligned = np.zeros((len(values), len(target)), values.dtype)
    for column, unit in enumerate(source):
        if unit in target:
            aligned[:, target.index(unit)] = values[:, column]
    return aligned


def restrict_labels(dataset: Dataset, learn: str) -> Dataset:
    """Return the data set with only one kind of label.

    Args:
        learn: "units" or "label", the column that stays, or "both"; DataError without it.
    """
    if learn not in ("units", "label", "both"):
        raise DataError(f"{dataset.name}: learn = {learn!r}: must be units, label or both")
    if learn == "both":
        return dataset
    dataset.column(learn)
    others = ("label",) if learn == "units" else ("units", "units_known", "intensity")
    columns = {name: each for name, each in dataset.columns.items() if name not in others}
    if learn == "units":
        return dataclasses.replace(dataset, columns=columns, labels=())
    return dataclasses.replace(dataset, columns=columns, units=())


@dataclass(frozen=True, eq=False)
class ChainedSource:
    """Images of several sources; row i of `pairs` (N, 2) is the (source, image) pair of image i."""

    sources: tuple[ImageSource, ...]
    pairs: np.ndarray

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> np.ndarray:
        source, image = self.pairs[index]
        return self.sources[source].read(int(image))

    def name(self, index: int) -> str:
        source, image = self.pairs[index]
        return self.sources[source].name(int(image))

    def take(self, indices: np.ndarray) -> ChainedSource:
        return ChainedSource(self.sources, self.pairs[indices])


def concat(
    datasets: Sequence[Dataset], labels: Sequence[str] | None = None, units: Sequence[int] | None = None
) -> Dataset:
    """Join data sets into one, with their images one data set after another.

    Args:
        labels, units: classes and action units of the result; None = all that one of them has.

    Raises:
        DataError: no data sets.
    """
    if not datasets:
        raise DataError("no data sets to join")
    labels = joint_labels(datasets) if labels is None else tuple(labels)
    units = joint_units(datasets) if units is None else tuple(units)
    parts = [align_columns(each.columns, (each.labels, each.units), (labels, units)) for each in datasets]
    common = [name for name in parts[0] if all(name in part for part in parts) and name not in _LOCAL]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in common}
    if not labels:
        del columns["label"]
    sizes = [len(each) for each in datasets]
    index = np.stack(
        [np.repeat(np.arange(len(sizes)), sizes), np.concatenate([np.arange(size) for size in sizes])], 1
    )
    report = ReadReport(
        sum(sizes),
        tuple(left for each in datasets for left in each.report.left_out),
        tuple(note for each in datasets for note in each.report.notes),
    )
    source = ChainedSource(tuple(each.source for each in datasets), index)
    name = " + ".join(dict.fromkeys(each.name for each in datasets))
    return Dataset(name, source, columns, labels, units, report)


class MixtureStream:
    """A `Stream` whose batches have a fixed number of examples of each of several streams.

    Attributes:
        streams: each gives its part of a batch.
        sources: classes and action units of each.
        target: those of the mixture.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        sources: Sequence[Vocabulary],
        target: Vocabulary,
    ) -> None:
        self.streams, self.sources, self.target = tuple(streams), tuple(sources), target

    def __iter__(self) -> MixtureStream:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        """Return `image`, `label`, `units` and `units_known`, stream after stream."""
        parts = []
        for stream, source in zip(self.streams, self.sources, strict=True):
            batch = {name: np.asarray(column) for name, column in next(stream).items()}
            parts.append(align_columns(batch, source, self.target))
        return {name: np.concatenate([part[name] for part in parts]) for name in ("image", *JOINED)}

    def get_state(self) -> dict[str, Any]:
        return {"streams": [stream.get_state() for stream in self.streams]}

    def set_state(self, state: dict[str, Any]) -> None:
        for stream, position in zip(self.streams, state["streams"], strict=True):
            stream.set_state(position)


def split_batch(batch: int, weights: Sequence[float]) -> tuple[int, ...]:
    """Return how many examples of a batch each stream gives: by weight, and at least one.

    Raises:
        ConfigError: fewer examples than streams, or a weight that is not above 0.
    """
    if not weights or min(weights) <= 0.0 or batch < len(weights):
        raise ConfigError(
            f"a batch of {batch} cannot be split by weights {list(weights)}: weights must be more than 0, "
            "and the batch at least as large as their number"
        )
    free = batch - len(weights)
    ideal = np.asarray(weights, np.float64) / sum(weights) * free
    counts = np.floor(ideal).astype(int)
    # Largest remainders first.
    for index in np.argsort(-(ideal - counts), kind="stable")[: free - counts.sum()]:
        counts[index] += 1
    return tuple(int(count) + 1 for count in counts)
