"""Frames of videos by their numbers, and tables of codes of action units."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core import tables
from jaxface.core.errors import DataError
from jaxface.core.listing import list_files
from jaxface.data.readers import common
from jaxface.data.sources import SUFFIXES

_UNIT = re.compile(r"(?:AU)?[\s_]*0*(\d{1,3})", re.IGNORECASE)


def files_by_frame(root: Path, base: str) -> dict[int, str]:
    """Return the file names of the images in a folder, by the number that their names end with.

    Raises:
        DataError: no such folder, or two files of one number.
    """
    folder = common.require_folder(root, *base.split("/"), contents="the frames of a video")
    files: dict[int, str] = {}
    for path in list_files(folder, SUFFIXES):
        if digits := re.search(r"(\d+)$", path.stem):
            other = files.setdefault(int(digits[1]), path.name)
            if other != path.name:
                raise DataError(f"{folder} has two files for frame {int(digits[1])}: {other} and {path.name}")
    return files


def add_table(
    root: Path,
    base: str,
    path: Path,
    units: tuple[int, ...],
    shared: Mapping[str, Any],
    images: common.ImageList,
) -> None:
    """Add the frames that a table of codes annotates; its first column holds their numbers.

    Args:
        base: the folder of the frames, relative to the root.
        shared: columns that are the same for all of them.
    """
    files = files_by_frame(root, base)
    for number, cells, row in read_codes(path, units):
        frame = common.parse_frame(path, number, cells[0])
        add(images, files, base, frame, {**row, **shared, "frame": frame})


def add(
    images: common.ImageList, files: Mapping[int, str], base: str, frame: int, row: Mapping[str, Any]
) -> None:
    """Add one frame, or leave it out where there is no file of its number."""
    if frame in files:
        images.add(f"{base}/{files[frame]}", row)
    else:
        images.leave_out("no such file", f"{base}/{frame}")


def read_codes(
    path: Path, units: tuple[int, ...], columns: Mapping[int, int] | None = None
) -> list[tuple[int, list[str], dict[str, np.ndarray]]]:
    """Return line, cells, and the columns `units` and `units_known` of every row of a table.

    Codes are 0 and 1; anything else, and a missing cell, is unknown.

    Args:
        columns: place of each unit's column, for a table without a header; None = read the header.

    Raises:
        DataError: no such table or unit, or a damaged row.
    """
    rows = list(tables.read_rows(path, DataError, what="table of action units"))
    if not rows:
        raise DataError(f"{path} is empty (a table of action units)")
    width = len(rows[0][1])
    if columns is None:
        header, rows = rows[0][1], rows[1:]
        columns = {
            int(unit[1]): place
            for place, name in enumerate(header)
            if place and (unit := _UNIT.fullmatch(name))
        }
    missing = [unit for unit in units if columns.get(unit, width) >= width]
    if missing:
        raise DataError(f"{path} has no column of action unit {missing[0]}; it has {sorted(columns)}")
    codes = []
    for line, row in rows:
        cells = common.check_cells(path, line, row, width)
        values = np.array([common.parse_optional(path, line, cells[columns[unit]]) for unit in units])
        codes.append((line, cells, {"units": values == 1, "units_known": (values == 0) | (values == 1)}))
    return codes
