"""Data sets on disk: the action units that two of them share, and the avatars of one written by retargeting."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxface.core.errors import DataError
from jaxface.data import Dataset
from jaxface.data.dataset import Example

_OF_UNITS = ("units", "units_known", "intensity")


@dataclass(frozen=True, eq=False)
class Paired(Dataset):
    """A data set with two avatars of each image, where there are any.

    Attributes:
        avatars: the data set of avatars.
        size: pixels along an edge of all images.

    Its columns `female` and `male` are numbers of avatars, -1 = none; an example of `rows` has their images in
    the place of the numbers, black where there is none, and `paired`.
    """

    avatars: Dataset | None = None
    size: int = 64

    def rows(self, indices: Sequence[int] | np.ndarray, size: int | None = None) -> Example:
        """Images, avatars and columns of several examples, stacked, as `Dataset.rows`."""
        size = size or self.size
        found = super().rows(indices, size)
        places = np.stack([found["female"], found["male"]], axis=1)
        found["paired"] = np.asarray((places >= 0).all(1))
        for column, name in enumerate(("female", "male")):
            found[name] = self._drawn(places[:, column], size)
        return found

    def _drawn(self, places: np.ndarray, size: int) -> np.ndarray:
        images = np.zeros((len(places), size, size, 3), np.uint8)
        there = np.flatnonzero(places >= 0)
        if self.avatars is not None and len(there):
            images[there] = self.avatars.rows(places[there], size)["image"]
        return images


def with_pairs(source: Dataset, avatars: Dataset, size: int) -> Paired:
    """The source with its avatars.

    Args:
        source: whole, as it was when avatars were made of it.
        avatars: with the columns `pair`, the number of an image of the source, and `sex`, 0 female and 1 male.
        size: pixels along an edge.

    Raises:
        DataError: a column is missing, no image has two avatars, or their action units are not the source's.
    """
    pair, sex = avatars.column("pair"), avatars.column("sex")
    if len(pair) and not 0 <= pair.min() <= pair.max() < len(source):
        raise DataError(
            f"{avatars.name} has avatars of image {pair.max()}, {source.name} has {len(source)} images: open "
            "it with the options that it was retargeted with"
        )
    places = np.full((len(source), 2), -1, np.int32)
    for number in np.flatnonzero(np.isin(sex, (0, 1)))[::-1]:  # of several the first one stays
        places[pair[number], sex[number]] = number
    if not (places >= 0).all(1).any():
        raise DataError(f"{avatars.name} has for no image of {source.name} a female and a male avatar")
    _same_units(source, avatars, pair)
    columns = {**source.columns, "female": places[:, 0], "male": places[:, 1]}
    fields = {each.name: getattr(source, each.name) for each in dataclasses.fields(Dataset)}
    return Paired(**{**fields, "columns": columns}, avatars=avatars, size=size)


def joined(dataset: Dataset, units: tuple[int, ...]) -> Dataset:
    """The same images with these action units, found by their numbers.

    Raises:
        DataError: one that the data set does not have.
    """
    missing = [unit for unit in units if unit not in dataset.units]
    if missing:
        raise DataError(f"{dataset.name} has no action unit {missing[0]}; it has {list(dataset.units)}")
    places = [dataset.units.index(unit) for unit in units]
    columns = {name: each[:, places] if name in _OF_UNITS else each for name, each in dataset.columns.items()}
    return dataclasses.replace(dataset, columns=columns, units=units)


def _same_units(source: Dataset, avatars: Dataset, pair: np.ndarray) -> None:
    """Avatars carry the labels of their image; others are of other images."""
    common = tuple(unit for unit in source.units if unit in avatars.units)
    if "units" not in source.columns or "units" not in avatars.columns or not common:
        return
    theirs, ours = (joined(each, common) for each in (avatars, source))
    known = ours.columns.get("units_known", np.ones_like(ours.columns["units"], bool))[pair]
    if (known & (theirs.columns["units"] != ours.columns["units"][pair])).any():
        raise DataError(
            f"{avatars.name} has other action units than the images of {source.name} it names: open the source "
            "with the options that it was retargeted with"
        )
