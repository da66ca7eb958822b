"""Data sets on disk: selection of action units, and the avatars written by `jaxface retarget`."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxface.core.errors import DataError
from jaxface.data import Dataset
from jaxface.data.dataset import Example
from jaxface.frameworks.common.inputs import select_units


@dataclass(frozen=True, eq=False)
class Paired(Dataset):
    """A data set with two avatars of each image that has any; all images have one `size`.

    Its columns `female` and `male` are indices of `avatars`, -1 = none; an example of `rows` has
    their images instead, black where there is none, and the mask `paired`.
    """

    avatars: Dataset | None = None
    size: int = 64

    def rows(self, indices: Sequence[int] | np.ndarray, size: int | None = None) -> Example:
        """Return images, avatars and columns of several examples, stacked, as `Dataset.rows`."""
        size = size or self.size
        rows = super().rows(indices, size)
        avatars = np.stack([rows["female"], rows["male"]], axis=1)
        rows["paired"] = np.asarray((avatars >= 0).all(1))
        for column, name in enumerate(("female", "male")):
            images = np.zeros((len(avatars), size, size, 3), np.uint8)
            places = np.flatnonzero(avatars[:, column] >= 0)
            if self.avatars is not None and len(places):
                images[places] = self.avatars.rows(avatars[places, column], size)["image"]
            rows[name] = images
        return rows


def with_pairs(source: Dataset, avatars: Dataset, size: int) -> Paired:
    """Return the source, opened as when the avatars were retargeted, with its avatars.

    Their columns `pair` and `sex` are the number of an image of the source, and 0 female or 1 male.

    Raises:
        DataError: a column is missing, no image has two avatars, or their action units are not the source's.
    """
    pair, sex = avatars.column("pair"), avatars.column("sex")
    if len(pair) and not 0 <= pair.min() <= pair.max() < len(source):
        raise DataError(
            f"{avatars.name} has avatars of image {pair.max()}, {source.name} has {len(source)} images: open "
            "it with the options that it was retargeted with"
        )
    indices = np.full((len(source), 2), -1, np.int32)
    for index in np.flatnonzero(np.isin(sex, (0, 1)))[::-1]:  # reversed: the first of several stays
        indices[pair[index], sex[index]] = index
    if not (indices >= 0).all(1).any():
        raise DataError(f"{avatars.name} has no female and male avatar of any image of {source.name}")
    _check_units(source, avatars, pair)
    columns = {**source.columns, "female": indices[:, 0], "male": indices[:, 1]}
    fields = {field.name: getattr(source, field.name) for field in dataclasses.fields(Dataset)}
    return Paired(**{**fields, "columns": columns}, avatars=avatars, size=size)


def _check_units(source: Dataset, avatars: Dataset, pair: np.ndarray) -> None:
    """Raise DataError unless avatars have the labels of their image."""
    common = tuple(unit for unit in source.units if unit in avatars.units)
    if "units" not in source.columns or "units" not in avatars.columns or not common:
        return
    of_avatars, of_source = (select_units(dataset, common).columns for dataset in (avatars, source))
    mask = of_source.get("units_known", np.ones_like(of_source["units"], bool))[pair]
    if (mask & (of_avatars["units"] != of_source["units"][pair])).any():
        raise DataError(
            f"{avatars.name} has other action units than the images of {source.name} it names: open the source "
            "with the options that it was retargeted with"
        )
