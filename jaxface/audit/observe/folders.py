"""A folder of photographs as a table: labels, and perhaps groups, are the names of folders."""

import hashlib
from pathlib import Path

import numpy as np

from jaxface.audit.observe.table import ALL, Photographs
from jaxface.core.errors import ConfigError, LabelError
from jaxface.core.image_files import SUFFIXES
from jaxface.core.listing import list_files
from jaxface.core.types import expression_name

_FOREIGN = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng", ".cr2", ".nef", ".arw", ".webm", ".psd")
"""Pictures that nothing here can read: they are named among what is left out."""


def list_pictures(folder: Path) -> list[str]:
    """Return the paths of all pictures in a folder, relative to it.

    Raises:
        ConfigError: no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"no folder of photographs at {folder}")
    paths = list_files(folder, (*SUFFIXES, *_FOREIGN), deep=True)
    if not paths:
        raise ConfigError(f"{folder} has no pictures ({', '.join(SUFFIXES)})")
    return [path.relative_to(folder).as_posix() for path in paths]


def read_folder(folder: str | Path, labels: tuple[str, ...] = ()) -> Photographs:
    """Return the photographs in folders named after expressions.

    `photos/happiness/1.jpg` is of happiness. Further folders above or below are groups:
    `photos/patient/happiness/1.jpg` and `photos/happiness/patient/1.jpg`.

    Args:
        labels: expressions whose photographs are kept; none = all.

    Raises:
        ConfigError: no such folder, or no picture of these labels.
        LabelError: no folder is named after an expression.
    """
    folder = Path(folder)
    paths = list_pictures(folder)
    places = [_place(path) for path in paths]
    if not any(label for label, _ in places):
        raise LabelError(
            f"{folder}: no folder in it is named after an expression; make one for each, such as "
            "happiness/, or give --labels TABLE.csv with the columns path and label"
        )
    rows = [row for row, (label, _) in enumerate(places) if label and (not labels or label in labels)]
    if not rows:
        names = ", ".join(sorted({label for label, _ in places if label}))
        raise ConfigError(f"{folder} has no photograph of {', '.join(labels)}; it has {names}")
    lost = sum(not label for label, _ in places)
    group = tuple(places[row][1] for row in rows)
    return Photographs(
        folder=folder,
        path=tuple(paths[row] for row in rows),
        label=tuple(places[row][0] for row in rows),
        group=group if any(group) else (ALL,) * len(rows),
        person=None,
        boxes=np.full((len(rows), 4), np.nan),
        landmarks={},
        columns={},
        notes=(f"{lost} pictures lie in no folder named after an expression and are left out",) * bool(lost),
    )


def digest(photographs: Photographs) -> str:
    """Return a hash of which photographs there are, with their labels and groups."""
    rows = zip(photographs.path, photographs.label, photographs.group, strict=True)
    return hashlib.sha256("\n".join("\t".join(row) for row in rows).encode()).hexdigest()


def _place(path: str) -> tuple[str, str]:
    """Return label and group of a path; "" where no folder tells them. The innermost expression counts."""
    folders = path.split("/")[:-1]
    for index in range(len(folders) - 1, -1, -1):
        try:
            label = expression_name(folders[index])
        except LabelError:
            continue
        return label, "/".join(folders[:index] + folders[index + 1 :])
    return "", ""
