"""What the readers share: finding files, telling what is missing, putting a data set together."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import DataError, LabelError, suggestion
from jaxface.data.dataset import Dataset
from jaxface.data.image_io import Check, fault
from jaxface.data.read_report import ReadReport, grouped
from jaxface.data.sources import FileSource


@dataclass
class Found:
    """Images as a reader comes upon them, one `add` each.

    Attributes:
        names: of the images, relative to the root.
        rows: of every image, its columns.
        boxes: of every image, left, top, right, bottom; none = all of the image.
        left_out: (reason, name) of what is not taken.
    """

    names: list[str] = field(default_factory=list)
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    boxes: list[Sequence[float]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, row: Mapping[str, Any], box: Sequence[float] | None = None) -> None:
        """Take an image, with its columns."""
        self.names.append(name)
        self.rows.append(row)
        if box is not None:
            self.boxes.append(box)

    def leave(self, reason: str, name: str) -> None:
        """Leave an image out."""
        self.left_out.append((reason, name))


_TYPES = {"label": np.int32, "identity": np.int32, "sex": np.int32, "frame": np.int32, "units": np.float32}


def dataset(
    name: str,
    root: Path,
    found: Found,
    *,
    check: Check,
    labels: tuple[str, ...] = (),
    units: tuple[int, ...] = (),
    notes: Iterable[str] = (),
) -> Dataset:
    """The data set of what was found; files that are missing or damaged are left out and named.

    Raises:
        DataError: nothing is left.
    """
    sound, faults = [], list(found.left_out)
    for index, each in enumerate(found.names):
        wrong = fault(root / each, check)
        if wrong is None:
            sound.append(index)
        else:
            faults.append((wrong, each))
    report = ReadReport(len(sound), grouped(faults), tuple(notes))
    if not sound:
        raise DataError(f"{name}: no image under {root} can be used. {report}".replace("\n", "; "))
    columns = {
        key: np.asarray([found.rows[i][key] for i in sound], _TYPES.get(key)) for key in found.rows[sound[0]]
    }
    boxes = np.asarray([found.boxes[i] for i in sound], np.float32) if found.boxes else None
    source = FileSource(root, np.asarray([found.names[i] for i in sound]), boxes)
    return Dataset(name, source, columns, labels, units, report)


def folder(root: Path, *parts: str, wanted: str) -> Path:
    """A folder that must be there.

    Raises:
        DataError: it is not, with what is wanted of it.
    """
    path = root.joinpath(*parts)
    if not path.is_dir():
        raise DataError(f"no folder {path}, wanted {wanted}")
    return path


def lines(path: Path, wanted: str) -> list[tuple[int, str]]:
    """Lines of a text file that must be there, with their numbers, without empty ones.

    Raises:
        DataError: it is not there, empty, or no text in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"no file {path}, wanted {wanted}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from None
    found = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not found:
        raise DataError(f"{path} is empty, wanted {wanted}")
    return found


def table(
    path: Path, columns: Sequence[str], header: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV with their lines.

    Args:
        columns: that must be there.
        header: names of the columns where the file has no first line with them.

    Raises:
        DataError: the file or a column is missing, or a row has another number of cells.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, header, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            for name in columns:
                if name not in names:
                    raise DataError(f"{path} has no column {name!r}{suggestion(name, names)}")
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(f"{path}, line {reader.line_num}: wanted {len(names)} cells")
                yield reader.line_num, row
    except FileNotFoundError:
        raise DataError(f"no file {path}, wanted a table with the columns {', '.join(columns)}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV in UTF-8: {error}") from None


def fields(path: Path, number: int, found: list[str], wanted: int) -> list[str]:
    """The cells of a line, which must be this many.

    Raises:
        DataError: they are not.
    """
    if len(found) != wanted:
        raise DataError(f"{path}, line {number}: {len(found)} fields, wanted {wanted}")
    return found


def number_of(path: Path, number: int, text: str) -> float:
    """The number in a cell.

    Raises:
        DataError: it holds none.
    """
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{path}, line {number}: {text!r} is no number") from None


def code(path: Path, number: int, text: str, labels: Sequence[str], first: int = 0) -> int:
    """The place in `labels` that a code stands for.

    Args:
        first: the code of the first label.

    Raises:
        LabelError: it stands for none.
    """
    last = first + len(labels) - 1
    try:
        place = int(text)
    except ValueError:
        place = first - 1
    if not first <= place <= last:
        raise LabelError(
            f"{path}, line {number}: label {text!r}, wanted {first} to {last}: {', '.join(labels)}"
        )
    return place - first


def chosen(name: str, value: str, known: Sequence[str]) -> None:
    """An option's value must be one of those known.

    Raises:
        DataError: it is not.
    """
    if value not in known:
        raise DataError(f"{name} = {value!r}{suggestion(str(value), known)}")
