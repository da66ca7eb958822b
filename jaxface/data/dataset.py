"""A data set: images, and what is known of each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from jaxface.core.errors import DataError, LabelError, ShapeError, suggestion
from jaxface.data.image_io import fitted
from jaxface.data.read_report import ReadReport, grouped
from jaxface.data.sources import ImageSource

Example = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels: a grain `RandomAccessDataSource`.

    Attributes:
        name: of the data set.
        source: how image i is read.
        columns: what is known, (N, ...) each. Names with a meaning: `label` int32, an index into `labels`, -1
            where it is not known; `units` (N, U) float32 in {0, 1} with `units_known` (N, U) bool; `intensity`
            (N, U) float32; `identity` int32; `sex` int32, 0 female and 1 male, -1 unknown; `exogenous`.
        labels: class names; expressions by the names of `core.types.EXPRESSIONS`.
        units: numbers of the action units (FACS), () without.
        report: what was read, and what was left out and why.
    """

    name: str
    source: ImageSource
    columns: Mapping[str, np.ndarray]
    labels: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    report: ReadReport = field(default_factory=ReadReport)

    def __post_init__(self) -> None:
        count = len(self.source)
        for name, column in self.columns.items():
            if len(column) != count:
                raise ShapeError(f"{self.name}: column {name!r} has {len(column)} rows for {count} images")
        label = self.columns.get("label")
        if label is not None and count and not (label.min() >= -1 and label.max() < len(self.labels)):
            raise LabelError(
                f"{self.name}: labels from {label.min()} to {label.max()} for {len(self.labels)} classes"
            )
        for name in ("units", "units_known", "intensity"):
            if name in self.columns and self.columns[name].shape != (count, len(self.units)):
                raise ShapeError(
                    f"{self.name}: column {name!r} has shape {self.columns[name].shape}, "
                    f"wanted {(count, len(self.units))}: images and action units"
                )
        if not self.report.read:
            object.__setattr__(self, "report", dataclasses.replace(self.report, read=count))

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Example:
        """Image (H, W, C) uint8 and row `index` of every column.

        Raises:
            IndexError: outside of the data set.
            DataError: the image cannot be read.
        """
        index = int(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} images, asked for number {index}")
        index %= len(self)
        return {"image": self.source.read(index), **{name: each[index] for name, each in self.columns.items()}}

    def rows(self, indices: Sequence[int] | np.ndarray, size: int | None = None) -> Example:
        """Images and columns of several examples, stacked: (B, H, W, C) uint8 and (B, ...).

        Args:
            size: pixels along an edge of the (square) images; None = as they are.

        Raises:
            ShapeError: images of different shapes, and no size.
            DataError: an image cannot be read.
        """
        indices = np.asarray(indices)
        images = [fitted(self.source.read(int(index)), size) for index in indices]
        shapes = {image.shape for image in images}
        if len(shapes) > 1:
            raise ShapeError(
                f"{self.name} has images of different shapes, such as {sorted(shapes)[:3]}; give a size"
            )
        return {"image": np.stack(images), **{name: each[indices] for name, each in self.columns.items()}}

    def take(self, indices: Sequence[int] | np.ndarray) -> Dataset:
        """These examples alone, in this order; a mask (N,) of bool takes those where it is true."""
        chosen = np.asarray(indices)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return dataclasses.replace(
            self,
            source=self.source.take(chosen),
            columns={name: each[chosen] for name, each in self.columns.items()},
            report=ReadReport(len(chosen), self.report.left_out, self.report.notes),
        )

    def split(self, share: float, seed: int = 0, *, by: str | None = None) -> tuple[Dataset, Dataset]:
        """Two parts at random, the first with `share` of the examples; each keeps the order.

        Args:
            by: a column, such as "identity", whose values are never in both parts; `share` then is that of
                the values.

        Raises:
            DataError: no such column, or a share outside (0, 1).
        """
        if not 0.0 < share < 1.0:
            raise DataError(f"share = {share}, wanted a number between 0 and 1")
        generator = np.random.default_rng(seed)
        if by is None:
            first = np.zeros(len(self), bool)
            first[generator.permutation(len(self))[: round(share * len(self))]] = True
        else:
            column = self.column(by)
            values = np.unique(column)
            chosen = generator.permutation(values)[: round(share * len(values))]
            first = np.isin(column, chosen)
        return self.take(first), self.take(~first)

    def column(self, name: str) -> np.ndarray:
        """One column.

        Raises:
            DataError: there is none of this name.
        """
        if name not in self.columns:
            raise DataError(f"{self.name} has no column {name!r}{suggestion(name, self.columns)}")
        return self.columns[name]

    def labelled_by(self, column: str) -> Dataset:
        """The same images with another column of whole numbers from 0 as the `label`, classes called by number.

        What was the label is the column `former_label` then.

        Raises:
            DataError: there is no such column.
            LabelError: it does not hold class numbers.
        """
        values = self.column(column)
        if values.ndim != 1 or values.dtype.kind not in "iu" or (len(values) and values.min() < 0):
            raise LabelError(
                f"{self.name}: column {column!r} holds no class numbers from 0; it cannot be the label"
            )
        former = {"former_label": self.columns["label"]} if "label" in self.columns else {}
        others = {name: each for name, each in self.columns.items() if name != column}
        columns = {**others, **former, "label": values.astype(np.int32)}
        classes = int(values.max(initial=-1)) + 1
        return dataclasses.replace(self, columns=columns, labels=tuple(map(str, range(classes))))

    def relabel(self, labels: Sequence[str]) -> Dataset:
        """The same images with these classes, in this order, matched by name; images of other classes are
        left out, and the report counts them.

        Raises:
            LabelError: a class that the data set does not have.
        """
        for name in labels:
            if name not in self.labels:
                raise LabelError(f"{self.name} has no class {name!r}{suggestion(name, self.labels)}")
        places = np.array([labels.index(name) if name in labels else -1 for name in self.labels])
        label = places[self.column("label")]
        dropped = np.flatnonzero(label < 0)
        faults = [
            (f"class {self.labels[self.columns['label'][i]]!r} is not asked for", self.source.name(int(i)))
            for i in dropped
        ]
        kept = self.take(label >= 0)
        report = ReadReport(len(kept), (*self.report.left_out, *grouped(faults)), self.report.notes)
        columns = {**kept.columns, "label": label[label >= 0].astype(np.int32)}
        return dataclasses.replace(kept, columns=columns, labels=tuple(labels), report=report)
