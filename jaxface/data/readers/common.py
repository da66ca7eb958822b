"""What the readers share: finding files, telling what is missing, putting a data set together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import DataError
from jaxface.data.dataset import Dataset
from jaxface.data.pictures import Check, fault
from jaxface.data.report import Report, grouped
from jaxface.data.sources import Files


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
    report = Report(len(sound), grouped(faults), tuple(notes))
    if not sound:
        raise DataError(f"{name}: no image under {root} can be used. {report}".replace("\n", "; "))
    columns = {
        key: np.asarray([found.rows[i][key] for i in sound], _TYPES.get(key)) for key in found.rows[sound[0]]
    }
    boxes = np.asarray([found.boxes[i] for i in sound], np.float32) if found.boxes else None
    source = Files(root, np.asarray([found.names[i] for i in sound]), boxes)
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


def lines(path: Path, wanted: str) -> list[str]:
    """Lines of a text file that must be there, without empty ones.

    Raises:
        DataError: it is not there, or no text in UTF-8.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except FileNotFoundError:
        raise DataError(f"no file {path}, wanted {wanted}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from None
