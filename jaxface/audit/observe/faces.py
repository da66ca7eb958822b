"""Find the faces of photographs whose table gives none, and keep them where a person may correct them.

`faces.csv` in the run's folder has a row for each photograph. A second call reads it instead of
looking again, so that eyes, boxes, points and the column `use` may be edited. A row that is deleted is
found anew.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jaxface import photos
from jaxface.audit.observe import landmarks
from jaxface.audit.observe.cells import known_points
from jaxface.audit.observe.measurements import file_stamp
from jaxface.audit.observe.table import BOX, Photographs
from jaxface.core import io
from jaxface.core.errors import ConfigError
from jaxface.core.image_files import ImageFileError
from jaxface.core.progress import Progress
from jaxface.core.tables import csv_text, number_of, read_rows
from jaxface.core.threads import map_ahead
from jaxface.photos import asymmetry, quality
from jaxface.photos.detection import bounded

TABLE = "faces.csv"
QUALITY = ("score", "interocular", "yaw", "spread", "sharpness")
"""Of each photograph: the detector's score; pixels between the eyes; degrees; `Faces.spread`; `sharpness`."""

_REPEAT = tuple(f"deviation {name}" for name in asymmetry.MEASURES)
_EYES = ("left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y")
_NUMBERS = (*QUALITY, *_REPEAT, *_EYES, *BOX, *landmarks.numbered_columns())
_HEADER = ("path", "file", "faces", "use", "reason", *_NUMBERS)
_CHUNK = 16  # two batches of the nets

Row = dict[str, str]


def find(
    photographs: Photographs, config: photos.DetectConfig, folder: Path, progress: Progress
) -> Photographs:
    """Return the photographs with the faces that their table does not give.

    Raises:
        ConfigError: a `faces.csv` that cannot be read.
    """
    rows = np.flatnonzero(photographs.without_frame)
    table = folder / TABLE
    rows_by_path = _read(table) if table.is_file() else {}
    stamps = {row: file_stamp(photographs.folder / photographs.path[row]) for row in rows.tolist()}
    missing = [
        row
        for row in rows.tolist()
        if rows_by_path.get(photographs.path[row], {}).get("file") not in (stamps[row], "")
    ]
    progress.start("faces", len(rows), len(rows) - len(missing))
    nets, unsaved = photos.load_nets(config) if missing else None, 0
    parts = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    with map_ahead(lambda part: _detect(photographs, part, config, nets), parts) as results:
        for part, result in zip(parts, results, strict=True):
            for row, faces in zip(part, result, strict=True):
                rows_by_path[photographs.path[row]] = _row(photographs.path[row], stamps[row], faces, config)
            unsaved += len(part)
            if unsaved >= max(256, len(rows_by_path) // 4):  # so that all the writing is linear in the rows
                unsaved = _write(table, rows_by_path)
            lost = sum(rows_by_path[photographs.path[row]]["use"] != "yes" for row in part)
            progress.advance(len(part), f"{lost} of the last {len(part)} without a face" if lost else "")
    if unsaved:
        _write(table, rows_by_path)
    progress.close()
    return _with_faces(photographs, rows, rows_by_path, table)


def _detect(
    photographs: Photographs, rows: Sequence[int], config: photos.DetectConfig, nets: photos.Nets | None
) -> list[photos.Faces | str]:
    """Return the faces of each photograph, or why it cannot be read."""
    images: list[Image.Image] = []
    outcomes: list[Any] = []
    for row in rows:
        try:
            image, factor = bounded(photographs.folder / photographs.path[row])
        except ImageFileError as error:
            is_named = error.reason in ("unreadable", "no such file")
            outcomes.append(str(error) if is_named else f"unreadable: {error}")
        else:
            images.append(image)
            outcomes.append(factor)
    faces = iter(photos.detect_many(images, config, nets))
    return [each if isinstance(each, str) else next(faces).scaled(each) for each in outcomes]


def _row(path: str, stamp: str, faces: photos.Faces | str, config: photos.DetectConfig) -> Row:
    """Return a row of `faces.csv`."""
    row = dict.fromkeys(_HEADER, "") | {"path": path, "file": stamp, "use": "no"}
    if isinstance(faces, str):
        return row | {"reason": faces}
    row["faces"] = str(len(faces))
    try:
        face = faces.choose("one" if config.which == "one" else "largest")
    except photos.FaceError as error:
        return row | {"reason": str(error)}
    numbers = [
        *(face.scores[0], quality.interocular(face.points)[0], quality.yaw(face.points)[0]),
        *(face.spread[0], face.sharpness[0]),
        *(values[0] for values in asymmetry.repeatability(face.copies).values()),
        *face.eyes[0].ravel(),
        *face.boxes[0],
        *face.points[0].T.ravel(),
    ]
    cells = ["" if np.isnan(number) else f"{number:.7g}" for number in map(float, numbers)]
    return row | {"use": "yes"} | dict(zip(_NUMBERS, cells, strict=True))


def _with_faces(
    photographs: Photographs, rows: np.ndarray, rows_by_path: Mapping[str, Row], table: Path
) -> Photographs:
    """Return the photographs with the rows of `faces.csv` where the table gives no face."""
    count = len(photographs)
    numbers = np.full((count, len(_NUMBERS)), np.nan)
    reason = [""] * count
    for row in rows.tolist():
        cells = rows_by_path[photographs.path[row]]
        numbers[row] = [_number(cells[name], name, table) for name in _NUMBERS]
        if cells["use"].strip().lower() not in ("yes", "y", "1", "true", "ja", "oui", "si"):
            reason[row] = cells["reason"] or f"left out by hand in {TABLE}"
    columns = {name: numbers[:, index] for index, name in enumerate(_NUMBERS)}
    boxes = np.stack([columns[name] for name in BOX], -1)
    points = np.stack([columns[name] for name in landmarks.numbered_columns()], -1)
    points = points.reshape(count, 2, 68).swapaxes(1, 2)
    names = landmarks.from_numbered(known_points(points))
    for side in ("left", "right"):
        eye = np.stack([columns[f"{side}_eye_{axis}"] for axis in "xy"], -1)
        names[f"{side}_eye"] = np.where(np.isfinite(eye), eye, names[f"{side}_eye"])
    own = dict(photographs.landmarks)
    keep = own.keys() - {"left_eye", "right_eye"}  # other points of the table are a set of their own
    merged = own | {
        name: np.where(np.isfinite(own[name]), own[name], values) if name in own else values
        for name, values in names.items()
        if not keep or name in own or name.endswith("_eye")
    }
    return dataclasses.replace(
        photographs,
        boxes=np.where(np.isfinite(photographs.boxes), photographs.boxes, boxes),
        landmarks=merged,
        reason=tuple(reason),
        quality={name: columns[name] for name in (*QUALITY, *_REPEAT)},
    )


def _number(cell: str, name: str, table: Path) -> float:
    try:
        return number_of(cell.replace(",", "."))
    except ValueError:
        raise ConfigError(f"{table}: {cell!r} in column {name!r} is no number; delete the row") from None


def _read(table: Path) -> dict[str, Row]:
    """Return the rows of a `faces.csv` by path. Columns may be in any order, and others are ignored."""
    rows = read_rows(table, ConfigError, what="table of faces")
    _, header = next(rows, (0, []))
    if lacking := [name for name in _HEADER if name not in header]:
        raise ConfigError(f"{table} has no column {lacking[0]!r}; delete it to have the faces found anew")
    out = {}
    for line, cells in rows:
        if len(cells) < len(header):
            raise ConfigError(f"{table}, line {line}: wanted {len(header)} cells; delete the line")
        row = dict(zip(header, cells, strict=False))
        out[row["path"]] = {name: row[name] for name in _HEADER}
    return out


def _write(table: Path, rows_by_path: Mapping[str, Row]) -> int:
    """Write `faces.csv` whole; return 0, the number of rows that are not saved."""
    rows = [
        [io.spreadsheet_cell(row["path"]), *(row[name] for name in _HEADER[1:])]
        for row in rows_by_path.values()
    ]
    io.write_text(table, csv_text(_HEADER, rows))
    return 0
