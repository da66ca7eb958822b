"""The table of photographs: one row each, read from CSV and checked before anything is opened."""

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxface.audit.observe import landmarks
from jaxface.core.errors import ConfigError, LabelError
from jaxface.core.types import expression_name

BOX = ("box_left", "box_top", "box_right", "box_bottom")
GRADES = ("I", "II", "III", "IV", "V", "VI")
"""House and Brackmann's (1985), from normal function to total paralysis."""

_GRADE = re.compile(
    r"(?:house[\s-]*brackmann|hb)?[\s.:-]*(?:grade)?[\s.:-]*(VI|IV|V|I{1,3}|[1-6])(?:\s*/\s*(?:VI|6))?",
    re.IGNORECASE,
)
_OWN = ("path", "label", "group", "person", *BOX)


@dataclass(frozen=True)
class Photographs:
    """n photographs and what is known of them.

    Attributes:
        folder: where relative paths start: the table's own.
        path: as in the table.
        label: expressions, in the vocabulary's names.
        group: such as "proband" and "patient"; all "all" where the table has none.
        person: who it is; None where the table does not tell.
        boxes: (n, 4) left, top, right, bottom in pixels; NaN = none.
        landmarks: by name (n, 2), pixels from the upper left corner, x right, y down; NaN = unknown.
        columns: other columns of numbers or grades, (n,); NaN = empty.
        ignored: other columns, which hold no numbers.
    """

    folder: Path
    path: tuple[str, ...]
    label: tuple[str, ...]
    group: tuple[str, ...]
    person: tuple[str, ...] | None
    boxes: np.ndarray
    landmarks: Mapping[str, np.ndarray]
    columns: Mapping[str, np.ndarray]
    ignored: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.path)

    def eyes(self, row: int) -> np.ndarray | None:
        """Left and right eye of a photograph, (2, 2) pixels; None where the table has no eyes."""
        if {"left_eye", "right_eye"} <= self.landmarks.keys():
            return np.stack([self.landmarks["left_eye"][row], self.landmarks["right_eye"][row]])
        return None

    @property
    def unframed(self) -> int:
        """How many photographs have neither eyes nor a box, so that their middle is taken for the face."""
        has_box = np.isfinite(self.boxes).all(-1)
        eyes = [self.eyes(row) for row in range(len(self))]
        has_eyes = np.array([one is not None and bool(np.isfinite(one).all()) for one in eyes], bool)
        return int((~has_box & ~has_eyes).sum())


def read_table(path: str | Path, labels: Sequence[str] = ()) -> Photographs:
    """The photographs that a CSV names.

    Columns: `path` (relative to the table, or absolute) and `label` (any known spelling) must be there;
    `group`, `person` may be. `box_left`, `box_top`, `box_right`, `box_bottom`: the face, pixels.
    `left_eye_x`, `left_eye_y`, `right_eye_x`, ...: landmarks, named by the person's own sides, with `middle_`
    for the midline; or `x_0` ... `y_67`, the 68 points of iBUG 300-W. Every other column of numbers is a
    feature, and so is one of House-Brackmann grades: III, HB III and grade 3/6 are all 3.

    Args:
        labels: expressions whose photographs are kept; none = all.

    Raises:
        ConfigError: no such file, no CSV, a missing column, no rows.
        LabelError: labels that the vocabulary does not know, with the line of the first.
    """
    path = Path(path)
    names, rows = _read(path)
    labels_by_row = [_label(path, line, row["label"]) for line, row in rows]
    selection = [
        row for (_, row), name in zip(rows, labels_by_row, strict=True) if not labels or name in labels
    ]
    if not selection:
        raise ConfigError(
            f"{path} has no photograph of {', '.join(labels)}; it has {', '.join(sorted(set(labels_by_row)))}"
        )
    try:
        points, landmark_columns = _landmarks(selection, names)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    others = [name for name in names if name not in _OWN and name not in landmark_columns]
    numbers = {name: values for name in others if (values := _numbers(selection, name, _grade)) is not None}
    boxes = np.stack([_required(path, selection, name) for name in BOX], 1) if set(BOX) <= set(names) else None
    return Photographs(
        folder=path.parent,
        path=tuple(row["path"] for row in selection),
        label=tuple(name for name in labels_by_row if not labels or name in labels),
        group=tuple(row.get("group") or "all" for row in selection),
        person=tuple(row["person"] for row in selection) if "person" in names else None,
        boxes=np.full((len(selection), 4), np.nan) if boxes is None else boxes,
        landmarks=points,
        columns=numbers,
        ignored=tuple(name for name in others if name not in numbers),
    )


def _read(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Column names, and for each row its line and cells."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise ConfigError(f"no table of photographs at {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read as CSV in UTF-8: {error}") from None
    for name in ("path", "label"):
        if name not in names:
            raise ConfigError(f"{path} has no column {name!r}; it has: {', '.join(names) or 'none'}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{path} has two columns {twice!r}; rename one")
    for line, row in rows:
        if None in row or None in row.values():
            raise ConfigError(f"{path}, line {line}: wanted {len(names)} cells, as in the first line")
        if not row["path"].strip():
            raise ConfigError(f"{path}, line {line}: the path is empty")
    if not rows:
        raise ConfigError(f"{path} has no rows")
    return names, [(line, {name: cell.strip() for name, cell in row.items()}) for line, row in rows]


def _label(path: Path, line: int, text: str) -> str:
    try:
        return expression_name(text)
    except LabelError as error:
        raise LabelError(f"{path}, line {line}: {error}") from None


def _landmarks(rows: Sequence[dict[str, str]], names: list[str]) -> tuple[dict[str, np.ndarray], set[str]]:
    """Points by name, and the columns that hold them."""
    if landmarks.is_numbered(names):
        columns = landmarks.numbered_columns()
        flat = np.stack([_numeric(rows, name) for name in columns], axis=-1)
        return landmarks.from_numbered(flat.reshape(len(rows), 2, -1).swapaxes(1, 2)), set(columns)
    points = {}
    for name in landmarks.landmark_names(names):
        points[name] = np.stack([_numeric(rows, f"{name}_{axis}") for axis in "xy"], axis=-1)
    return points, {f"{name}_{axis}" for name in points for axis in "xy"}


def _numeric(rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    values = _numbers(rows, name)
    if values is None:
        raise ConfigError(f"column {name!r} must hold pixels; a cell is not a number")
    return values


def _required(path: Path, rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    try:
        return _numeric(rows, name)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _numbers(
    rows: Sequence[dict[str, str]], name: str, read: Callable[[str], float] = float
) -> np.ndarray | None:
    """A column as float64, NaN where it is empty; None where a cell is no finite number, or all are empty.

    Args:
        read: raises ValueError where a cell is no number.
    """
    try:
        array = np.array([read(row[name]) if row[name] else math.nan for row in rows])
    except ValueError:
        return None
    return None if np.isinf(array).any() or np.isnan(array).all() else array


def _grade(text: str) -> float:
    """A cell as a number: 1 to 6 for a House-Brackmann grade.

    Raises:
        ValueError: it is neither a number nor a grade.
    """
    if grade := _GRADE.fullmatch(text):
        symbol = grade[1].upper()
        return float(GRADES.index(symbol) + 1 if symbol in GRADES else symbol)
    return float(text)
