"""A data set: images with labels."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from jaxface.core.errors import DataError, LabelError, ShapeError, suggestion
from jaxface.data.sources import ImageSource, crop_and_resize

Example = dict[str, np.ndarray]

_SHOWN = 3  # names in a line of the report


@dataclass(frozen=True)
class LeftOut:
    """Images that were left out for one reason, such as "unreadable"; with their names."""

    reason: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if len(self.names) > _SHOWN else ""
        return f"{len(self.names)} left out, {self.reason}: {', '.join(self.names[:_SHOWN])}{more}"


@dataclass(frozen=True)
class ReadReport:
    """What was read, and what was left out.

    Attributes:
        read: images in the data set.
        left_out: images that are not, by reason.
        notes: further remarks, such as the order of the identities.
    """

    read: int = 0
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """Number of images that were left out."""
        return sum(len(each.names) for each in self.left_out)

    def __str__(self) -> str:
        return "\n".join([f"{self.read} images", *map(str, self.left_out), *self.notes])


def group_by_reason(faults: Iterable[tuple[str, str]]) -> tuple[LeftOut, ...]:
    """Group (reason, name) pairs by reason, in the order of first appearance."""
    names: dict[str, list[str]] = {}
    for reason, name in faults:
        names.setdefault(reason, []).append(name)
    return tuple(LeftOut(reason, tuple(each)) for reason, each in names.items())


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels: a grain `RandomAccessDataSource`.

    Attributes:
        source: reads image i.
        columns: arrays (N, ...). Names with a meaning: `label` int32, an index into `labels`, -1 =
            unknown; `units` (N, U) float32 in {0, 1} with `units_known` (N, U) bool; `intensity`
            (N, U) float32; `identity` int32; `sex` int32, 0 female, 1 male, -1 unknown.
        labels: class names; expressions by the names of `core.types.EXPRESSIONS`.
        units: numbers of the action units (FACS); () = none.
        report: what was read, what was left out, and why.
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
                f"{self.name}: labels from {label.min()} to {label.max()}, but {len(self.labels)} classes"
            )
        for name in ("units", "units_known", "intensity"):
            if name in self.columns and self.columns[name].shape != (count, len(self.units)):
                raise ShapeError(
                    f"{self.name}: column {name!r} has shape {self.columns[name].shape}, "
                    f"not {(count, len(self.units))} (images, action units)"
                )
        if not self.report.read:
            object.__setattr__(self, "report", dataclasses.replace(self.report, read=count))

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Example:
        """Return image (H, W, C) uint8 and row `index` of every column; IndexError without one."""
        index = int(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} images, no number {index}")
        index %= len(self)
        return {"image": self.source.read(index), **{name: each[index] for name, each in self.columns.items()}}

    def rows(self, indices: Sequence[int] | np.ndarray, size: int | None = None) -> Example:
        """Return images and columns of several examples, stacked: (B, H, W, C) uint8 and (B, ...).

        Args:
            size: pixels along an edge of the (square) images; None = do not resize.

        Raises:
            ShapeError: images of different shapes, and no size.
            DataError: an image cannot be read.
        """
        indices = np.asarray(indices)
        images = [crop_and_resize(self.source.read(int(index)), size) for index in indices]
        shapes = {image.shape for image in images}
        if len(shapes) > 1:
            raise ShapeError(
                f"{self.name} has images of different shapes, such as {sorted(shapes)[:3]}; give a size"
            )
        return {"image": np.stack(images), **{name: each[indices] for name, each in self.columns.items()}}

    def take(self, indices: Sequence[int] | np.ndarray) -> Self:
        """Return only these examples, in this order.

        Args:
            indices: (M,) indices, or a mask (N,) of bool.
        """
        indices = np.asarray(indices)
        indices = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(np.int64)
        return dataclasses.replace(
            self,
            source=self.source.take(indices),
            columns={name: each[indices] for name, each in self.columns.items()},
            report=ReadReport(len(indices), self.report.left_out, self.report.notes),
        )

    def split(self, fraction: float, seed: int = 0, *, by: str | None = None) -> tuple[Self, Self]:
        """Split at random into two parts, the first with `fraction` of the examples, both in order.

        Args:
            by: a column, such as "identity", whose values are split: none is in both parts.

        Raises:
            DataError: no such column, or a fraction outside (0, 1).
        """
        if not 0.0 < fraction < 1.0:
            raise DataError(f"fraction = {fraction}: must be in (0, 1)")
        generator = np.random.default_rng(seed)
        if by is None:
            first = np.zeros(len(self), bool)
            first[generator.permutation(len(self))[: round(fraction * len(self))]] = True
        else:
            column = self.column(by)
            values = np.unique(column)
            first_values = generator.permutation(values)[: round(fraction * len(values))]
            first = np.isin(column, first_values)
        return self.take(first), self.take(~first)

    def column(self, name: str) -> np.ndarray:
        """Return one column; DataError without one."""
        if name not in self.columns:
            raise DataError(f"{self.name} has no column {name!r}{suggestion(name, self.columns)}")
        return self.columns[name]

    def labelled_by(self, column: str) -> Self:
        """Return the images with another column, of class numbers from 0, as `label`.

        The old label becomes the column `former_label`.

        Raises:
            DataError: no such column.
            LabelError: the column does not hold class numbers.
        """
        values = self.column(column)
        if values.ndim != 1 or values.dtype.kind not in "iu" or (len(values) and values.min() < 0):
            raise LabelError(
                f"{self.name}: column {column!r} cannot be the label: it holds no class numbers from 0"
            )
        former = {"former_label": self.columns["label"]} if "label" in self.columns else {}
        others = {name: each for name, each in self.columns.items() if name != column}
        columns = {**others, **former, "label": values.astype(np.int32)}
        classes = int(values.max(initial=-1)) + 1
        return dataclasses.replace(self, columns=columns, labels=tuple(map(str, range(classes))))

    def relabel(self, labels: Sequence[str]) -> Self:
        """Return the images of these classes, in this order, by name. The report counts the others.

        Raises:
            LabelError: the data set has no such class.
        """
        for name in labels:
            if name not in self.labels:
                raise LabelError(f"{self.name} has no class {name!r}{suggestion(name, self.labels)}")
        new_index = np.array([labels.index(name) if name in labels else -1 for name in self.labels])
        label = new_index[self.column("label")]
        faults = [
            (f"class {self.labels[self.columns['label'][i]]!r} is not used", self.source.name(int(i)))
            for i in np.flatnonzero(label < 0)
        ]
        subset = self.take(label >= 0)
        left_out = (*self.report.left_out, *group_by_reason(faults))
        report = ReadReport(len(subset), left_out, self.report.notes)
        columns = {**subset.columns, "label": label[label >= 0].astype(np.int32)}
        return dataclasses.replace(subset, columns=columns, labels=tuple(labels), report=report)
