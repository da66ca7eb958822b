"""What the readers share: finding files, naming what is missing, building a data set."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core import tables
from jaxface.core.errors import DataError, LabelError, suggestion
from jaxface.data.dataset import Dataset, ReadReport, group_by_reason
from jaxface.data.sources import ArraySource, Check, FileSource, ImageSource, find_fault

LAST_FRAME = 10**8
_LONGEST_EDGE = 10**4  # pixels of a box
NO_LABEL = "no label"


@dataclass
class ImageList:
    """The images of a layout, one `add` or `leave_out` each.

    Attributes:
        names: of the images, relative to the root.
        rows: columns of every image.
        boxes: left, top, right, bottom of every image; [] = whole images.
        pixels: (H, W, C) uint8 of every image that is no file; [] = files.
        left_out: (reason, name) of the images that are not used.
    """

    names: list[str] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    boxes: list[Sequence[float]] = field(default_factory=list)
    pixels: list[np.ndarray] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, row: Mapping[str, Any], box: Sequence[float] | None = None) -> None:
        """Add an image with its columns."""
        self.names.append(name)
        self.rows.append(row)
        if box is not None:
            self.boxes.append(box)

    def leave_out(self, reason: str, name: str) -> None:
        """Count an image that is not used."""
        self.left_out.append((reason, name))


_TYPES: dict[str, type[np.number]] = {
    **dict.fromkeys(("label", "identity", "sex", "frame"), np.int32),
    **dict.fromkeys(("units", "votes"), np.float32),
}


def build_dataset(
    name: str,
    root: Path,
    images: ImageList,
    *,
    check: Check,
    labels: tuple[str, ...] = (),
    units: tuple[int, ...] = (),
    notes: Iterable[str] = (),
) -> Dataset:
    """Build the data set of listed images, without missing and damaged files, which are reported.

    Raises:
        DataError: no image remains.
    """
    readable, faults = [], list(images.left_out)
    for index, image in enumerate(images.names):
        fault = None if images.pixels else find_fault(root / image, check)
        if fault is None and images.boxes and not _is_box(images.boxes[index]):
            fault = "no box of a face"
        if fault is None:
            readable.append(index)
        else:
            faults.append((fault, image))
    report = ReadReport(len(readable), group_by_reason(faults), tuple(notes))
    if not readable:
        raise DataError(f"{name}: no image under {root} can be used. {report}".replace("\n", "; "))
    columns = {
        key: np.asarray([images.rows[i][key] for i in readable], _TYPES.get(key))
        for key in images.rows[readable[0]]
    }
    boxes = np.asarray([images.boxes[i] for i in readable], np.float32) if images.boxes else None
    source: ImageSource = FileSource(root, np.asarray([images.names[i] for i in readable]), boxes)
    if images.pixels:
        source = ArraySource(np.stack(images.pixels))
    return Dataset(name, source, columns, labels, units, report)


def _is_box(box: Sequence[float]) -> bool:
    left, top, right, bottom = box
    edges = (right - left, bottom - top)
    return all(0 < edge <= _LONGEST_EDGE for edge in edges) and all(abs(x) <= LAST_FRAME for x in box)


def require_folder(root: Path, *parts: str, contents: str) -> Path:
    """Return the path of a folder; a DataError names its contents if it does not exist."""
    path = root.joinpath(*parts)
    if not path.is_dir():
        raise DataError(f"no folder {path} ({contents})")
    return path


def read_lines(path: Path, contents: str) -> list[tuple[int, str]]:
    """Read the lines of a text file with their numbers, without empty ones, as `core.tables` does.

    Raises:
        DataError: the file is missing, empty, or no text; the message names its contents.
    """
    lines = list(tables.read_lines(path, DataError, what=f"file of {contents}"))
    if not lines:
        raise DataError(f"{path} is empty ({contents})")
    return lines


def read_table(
    path: Path, columns: Sequence[str], header: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a table with their line numbers, as `core.tables` reads it.

    Args:
        columns: names of columns that must exist, in any case of letters.
        header: names of all columns, for a file whose first line does not name them.

    Raises:
        DataError: the file or a column is missing, or a row has another number of cells.
    """
    rows = tables.read_rows(path, DataError, what=f"table with the columns {', '.join(columns)}")
    if header is None:
        _, header = next(rows, (0, []))
    wanted = {name.lower(): name for name in columns}
    names = [wanted.get(name.lower(), name) for name in header]
    for name in columns:
        if name not in names:
            raise DataError(f"{path} has no column {name!r}{suggestion(name, names)}")
        if names.count(name) > 1:
            raise DataError(f"{path} has two columns {name!r}; rename one")
    for number, cells in rows:
        yield number, dict(zip(names, check_cells(path, number, cells, len(names)), strict=True))


def check_cells(path: Path, number: int, cells: list[str], count: int) -> list[str]:
    """Return the cells of line `number`; DataError if they are not `count`, empty ones at the end aside."""
    if any(cells[count:]) or len(cells) < count:
        raise DataError(f"{path}, line {number}: {len(cells)} fields, not {count}")
    return cells[:count]


def parse_number(path: Path, number: int, text: str) -> float:
    """Return the finite number in a cell of line `number`; DataError if it holds none."""
    value = parse_optional(path, number, text)
    if math.isnan(value):
        raise DataError(f"{path}, line {number}: {text!r} is no number")
    return value


def parse_optional(path: Path, number: int, text: str) -> float:
    """Return the number in a cell of line `number`, NaN where it is missing; DataError if it holds neither."""
    try:
        return tables.number_of(text)
    except ValueError:
        raise DataError(f"{path}, line {number}: {text!r} is no number") from None


def parse_frame(path: Path, number: int, text: str) -> int:
    """Return the number of a frame in a cell of line `number`; DataError if it cannot be one."""
    value = parse_number(path, number, text)
    if not value.is_integer() or not 0 <= value <= LAST_FRAME:
        raise DataError(f"{path}, line {number}: {text!r} is no number of a frame, from 0 to {LAST_FRAME:,}")
    return int(value)


def parse_code(path: Path, number: int, text: str, labels: Sequence[str], first: int = 0) -> int:
    """Return the index in `labels` of a code on line `number`; LabelError if no label has it.

    Args:
        text: a whole number; tools that know missing cells write it as "3.0".
        first: the code of the first label.
    """
    last = first + len(labels) - 1
    try:
        code = tables.number_of(text)
    except ValueError:
        code = math.nan
    if not code.is_integer() or not first <= code <= last:
        raise LabelError(f"{path}, line {number}: label {text!r}, not {first} to {last}: {', '.join(labels)}")
    return int(code) - first


def check_option(name: str, value: str, choices: Sequence[str]) -> None:
    """Check that an option has one of its values; DataError if not."""
    if value not in choices:
        raise DataError(f"{name} = {value!r}{suggestion(str(value), choices)}")
