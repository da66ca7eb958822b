"""Data sets of different labels as one: expressions by their name, action units by their number.

What one of them does not know of its images is unknown in the whole: `label` is -1, `units_known` is False.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxface.core.errors import ConfigError, DataError
from jaxface.data.dataset import Dataset
from jaxface.data.pipeline import Stream
from jaxface.data.read_report import ReadReport
from jaxface.data.sources import ImageSource

_OWN = ("intensity", "identity", "index")  # numbers of one data set, which mean nothing in another
JOINED = ("label", "units", "units_known")
"""The columns that are joined; every other column that not all data sets have is left out."""


def joint_units(datasets: Sequence[Dataset]) -> tuple[int, ...]:
    """Every action unit that one of the data sets labels, in order of the numbers."""
    return tuple(sorted({unit for each in datasets if "units" in each.columns for unit in each.units}))


def joint_labels(datasets: Sequence[Dataset]) -> tuple[str, ...]:
    """Every class of the data sets that have labels, in the order in which they first come."""
    found = (name for each in datasets if "label" in each.columns for name in each.labels)
    return tuple(dict.fromkeys(found))


def align_columns(
    columns: Mapping[str, np.ndarray],
    known: tuple[Sequence[str], Sequence[int]],
    wanted: tuple[Sequence[str], Sequence[int]],
) -> dict[str, np.ndarray]:
    """Columns of one data set, or of a batch of it, as those of another choice of classes and action units.

    Args:
        columns: (N, ...) each.
        known: its classes and the numbers of its action units; of () it knows none, whatever the columns say.
        wanted: likewise; what is not among the known is unknown, what is not wanted is dropped.

    Returns:
        every column, with `label` (N,) int32, `units` (N, U) float32 and `units_known` (N, U) bool as wanted.
    """
    count = len(next(iter(columns.values())))
    (labels, units), (all_labels, all_units) = known, wanted
    label = np.full(count, -1, np.int32)
    if labels and "label" in columns:
        places = np.array([all_labels.index(name) if name in all_labels else -1 for name in labels] + [-1])
        label = places[np.asarray(columns["label"])].astype(np.int32)  # -1 is the last place
    values = np.zeros((count, len(all_units)), np.float32)
    certain = np.zeros((count, len(all_units)), bool)
    if units and "units" in columns:
        there = np.asarray(columns["units"], np.float32)
        sure = np.asarray(columns.get("units_known", np.ones(there.shape, bool)))
        for place, unit in enumerate(units):
            if unit in all_units:
                values[:, all_units.index(unit)] = there[:, place]
                certain[:, all_units.index(unit)] = sure[:, place]
    return {**columns, "label": label, "units": values, "units_known": certain}


def restrict_labels(dataset: Dataset, learn: str) -> Dataset:
    """The data set without its other labels.

    Args:
        learn: `units` or `label`, the column that stays; `both` = as it is.

    Raises:
        DataError: it does not have that column, or `learn` is another word.
    """
    if learn not in ("units", "label", "both"):
        raise DataError(f"{dataset.name}: cannot learn {learn!r}; wanted units, label or both")
    if learn == "both":
        return dataset
    dataset.column(learn)
    dropped = ("label",) if learn == "units" else ("units", "units_known", "intensity")
    columns = {name: each for name, each in dataset.columns.items() if name not in dropped}
    kept: dict[str, Any] = {"labels": ()} if learn == "units" else {"units": ()}
    return dataclasses.replace(dataset, columns=columns, **kept)


@dataclass(frozen=True, eq=False)
class Chained:
    """Images of several sources, one source after another; `places` (N', 2) are (source, image) pairs."""

    sources: tuple[ImageSource, ...]
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def read(self, index: int) -> np.ndarray:
        source, image = self.places[index]
        return self.sources[source].read(int(image))

    def name(self, index: int) -> str:
        source, image = self.places[index]
        return self.sources[source].name(int(image))

    def take(self, indices: np.ndarray) -> Chained:
        return Chained(self.sources, self.places[indices])


def concat(
    datasets: Sequence[Dataset], labels: Sequence[str] | None = None, units: Sequence[int] | None = None
) -> Dataset:
    """One data set of all their images, in order.

    Args:
        labels, units: which classes and action units; None = all that one of them has.

    Raises:
        DataError: no data sets.
    """
    if not datasets:
        raise DataError("there are no data sets to join; name one or more")
    labels = joint_labels(datasets) if labels is None else tuple(labels)
    units = joint_units(datasets) if units is None else tuple(units)
    parts = [align_columns(each.columns, (each.labels, each.units), (labels, units)) for each in datasets]
    shared = [name for name in parts[0] if all(name in part for part in parts) and name not in _OWN]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in shared}
    if not labels:
        del columns["label"]
    sizes = [len(each) for each in datasets]
    places = np.stack(
        [np.repeat(np.arange(len(sizes)), sizes), np.concatenate([np.arange(size) for size in sizes])], 1
    )
    report = ReadReport(
        sum(sizes),
        tuple(left for each in datasets for left in each.report.left_out),
        tuple(note for each in datasets for note in each.report.notes),
    )
    source = Chained(tuple(each.source for each in datasets), places)
    name = " + ".join(dict.fromkeys(each.name for each in datasets))
    return Dataset(name, source, columns, labels, units, report)


class MixtureStream:
    """Batches of a fixed share of each of several streams, whose columns are brought to one form; `Stream`.

    Attributes:
        streams: each of batches of its share.
        known: classes and action units of each.
        wanted: those of the mixture.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        known: Sequence[tuple[Sequence[str], Sequence[int]]],
        wanted: tuple[Sequence[str], Sequence[int]],
    ) -> None:
        self.streams, self.known, self.wanted = tuple(streams), tuple(known), wanted

    def __iter__(self) -> MixtureStream:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        """`image`, `label`, `units` and `units_known`; the streams' examples one stream after another."""
        parts = []
        for stream, known in zip(self.streams, self.known, strict=True):
            batch = {name: np.asarray(column) for name, column in next(stream).items()}
            parts.append(align_columns(batch, known, self.wanted))
        return {name: np.concatenate([part[name] for part in parts]) for name in ("image", *JOINED)}

    def get_state(self) -> dict[str, Any]:
        """The places of all streams."""
        return {"streams": [stream.get_state() for stream in self.streams]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a place that `get_state` told."""
        for stream, place in zip(self.streams, state["streams"], strict=True):
            stream.set_state(place)


def split_batch(batch: int, weights: Sequence[float]) -> tuple[int, ...]:
    """How many examples of a batch each stream gives: by their weights, at least one each, `batch` together.

    Raises:
        ConfigError: fewer examples than streams, or a weight that is not above 0.
    """
    if not weights or min(weights) <= 0.0 or batch < len(weights):
        raise ConfigError(
            f"a batch of {batch} cannot be shared by {len(weights)} data sets of weights {list(weights)}; "
            "wanted weights above 0 and a batch with an example of each"
        )
    free = batch - len(weights)
    ideal = np.asarray(weights, np.float64) / sum(weights) * free
    counts = np.floor(ideal).astype(int)
    for place in np.argsort(-(ideal - counts), kind="stable")[: free - counts.sum()]:
        counts[place] += 1
    return tuple(int(count) + 1 for count in counts)
