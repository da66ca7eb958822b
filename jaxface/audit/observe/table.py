"""The table of photographs: one row each, read from CSV and checked before anything is opened."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxface.audit.observe import landmarks
from jaxface.audit.observe.cells import first_word, grade_of, known_points, numbers_of, words_of
from jaxface.core.errors import ConfigError, LabelError
from jaxface.core.files import require_regular_file
from jaxface.core.tables import is_missing, local_path, read_rows
from jaxface.core.types import answer_name

BOX = ("box_left", "box_top", "box_right", "box_bottom")
_OWN = ("path", "label", "group", "person", *BOX)
_NAMELESS = re.compile(r"(?:unnamed: \d+(?:\.\d+)*)?", re.IGNORECASE)  # pandas' names of an index
_ROW_NUMBERS = re.compile(
    r"index|level_\d+|rows?|row[ _.]?(?:names?|numbers?|ids?)|x(?:\.\d+)?|id", re.IGNORECASE
)
"""Names that pandas, R and people give to the numbers of rows."""
_LARGEST, _MOST_ROWS, _MOST_CELLS = 2**26, 10**6, 4 * 10**6
_MOST_COLUMNS = 2000
ALL = "all"
"""The group of everybody where the table tells none."""


@dataclass(frozen=True)
class Photographs:
    """n photographs and what is known of them.

    Attributes:
        folder: where relative paths start: the table's own.
        path: as in the table.
        label: expressions, in the vocabulary's names.
        group: such as "proband" and "patient", "" = unknown; all "all" where the table tells none.
        person: who it is, "" = unknown; None where the table tells nobody.
        boxes: (n, 4) left, top, right, bottom in pixels; NaN = none.
        landmarks: by name (n, 2), pixels from the upper left corner, x right, y down; NaN = unknown.
        columns: other columns of numbers or grades, (n,); NaN = missing.
        ignored: other columns, which hold no numbers.
        words: the first cell of each ignored column that is no number; "" = all are missing.
        notes: sentences on what is missing.
        reason: why a photograph has no face to look at, "" where it has one; () = nobody looked.
        quality: by name (n,), of `faces.find`; NaN where the table gives the face.
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
    words: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()
    quality: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.path)

    @property
    def people(self) -> np.ndarray | None:
        """Who it is, (n,) of str; every unknown person is somebody else. None where nobody is known."""
        if self.person is None:
            return None
        return np.array([name or f"\0{row}" for row, name in enumerate(self.person)])

    def eyes(self, row: int) -> np.ndarray | None:
        """Left and right eye of a photograph, (2, 2) pixels; None where the table has no eyes."""
        if {"left_eye", "right_eye"} <= self.landmarks.keys():
            return np.stack([self.landmarks["left_eye"][row], self.landmarks["right_eye"][row]])
        return None

    @property
    def without_frame(self) -> np.ndarray:
        """(n,) bool: photographs with neither eyes nor a box."""
        has_box = np.isfinite(self.boxes).all(-1)
        eyes = [self.eyes(row) for row in range(len(self))]
        has_eyes = np.array([one is not None and bool(np.isfinite(one).all()) for one in eyes], bool)
        return ~has_box & ~has_eyes

    @property
    def unframed(self) -> int:
        """How many photographs have neither eyes nor a box, so that their middle is taken for the face."""
        return 0 if self.reason else int(self.without_frame.sum())

    @property
    def points(self) -> np.ndarray | None:
        """The 68 points of iBUG 300-W, (n, 68, 2) pixels; None where they are not all named."""
        return landmarks.to_numbered(self.landmarks)


def read_table(path: str | Path, labels: Sequence[str] = (), folder: str | Path | None = None) -> Photographs:
    """The photographs that a CSV names.

    Encoding, separator and quotes may be any that spreadsheets write. Cells such as NA, #N/A, -nan(ind), None
    and null are missing, as empty ones are; a photograph without a label is left out, and `notes` tells.
    Columns: `path` (relative to the table, or absolute) and `label` (any known spelling) must be there;
    `group`, `person` may be. `box_left`, `box_top`, `box_right`, `box_bottom`: the face, pixels.
    `left_eye_x`, `left_eye_y`, `right_eye_x`, ...: landmarks, named by the person's own sides, with `middle_`
    for the midline; or `x_0` ... `y_67`, the 68 points of iBUG 300-W; points at (0, 0) are missing, as trackers
    write them. Columns without a name, such as pandas' index, are not read, nor are `index`, `X`, `id`
    and the like where they count the rows. Every other column of numbers is a
    feature, and so is one of House-Brackmann grades: III, HB III and grade 3/6 are all 3.

    Args:
        labels: expressions whose photographs are kept; none = all.
        folder: where relative paths start; None = the table's own.

    Raises:
        ConfigError: no such file, no CSV, a missing column, no rows.
        LabelError: labels that the vocabulary does not know, with the line of the first.
    """
    path = Path(path)
    names, rows = _read(path)
    with_label = [(line, row) for line, row in rows if not is_missing(row["label"])]
    labels_by_row = [_label(path, line, row["label"]) for line, row in with_label]
    selection = [
        row for (_, row), name in zip(with_label, labels_by_row, strict=True) if not labels or name in labels
    ]
    if not selection:
        wanted = f"photograph of {', '.join(labels)}" if labels else "row with a label"
        raise ConfigError(f"{path} has no {wanted}; it has {', '.join(sorted(set(labels_by_row))) or 'none'}")
    try:
        points, landmark_columns = _landmarks(selection, names)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    others = [
        name
        for name in names
        if name not in _OWN and name not in landmark_columns and not _is_index(name, rows)
    ]
    numbers = {name: values for name in others if (values := numbers_of(selection, name, grade_of)) is not None}
    ignored = tuple(name for name in others if name not in numbers)
    base = path.parent if folder is None else Path(folder)
    group, person = words_of(selection, "group"), words_of(selection, "person")
    return Photographs(
        folder=base,
        path=tuple(local_path(base, row["path"]) for row in selection),
        label=tuple(name for name in labels_by_row if not labels or name in labels),
        group=group or (ALL,) * len(selection),
        person=person,
        boxes=_boxes(path, selection, names),
        landmarks=points,
        columns=numbers,
        ignored=ignored,
        words={name: first_word(selection, name) for name in ignored},
        notes=_notes(len(rows) - len(with_label), group, person, points),
    )


def _is_index(name: str, rows: Sequence[tuple[int, dict[str, str]]]) -> bool:
    """Return whether a column numbers the rows: in a table sorted by group it would be the group."""
    if _NAMELESS.fullmatch(name):
        return True
    if not _ROW_NUMBERS.fullmatch(name) or len(rows) < 2:
        return False
    cells = [row[name] for _, row in rows]
    return any(cells == [str(first + row) for row in range(len(rows))] for first in (0, 1))


def _notes(
    without_label: int,
    group: tuple[str, ...] | None,
    person: tuple[str, ...] | None,
    points: Mapping[str, np.ndarray],
) -> tuple[str, ...]:
    eyes = [points[name] for name in ("left_eye", "right_eye") if name in points]
    blind = np.isnan(np.stack(eyes, 1)).any((1, 2)) if len(eyes) == 2 else np.zeros(0, bool)
    counts = (
        (without_label, "have no label and are left out"),
        (group.count("") if group else 0, "have no group and enter no comparison of groups"),
        (person.count("") if person else 0, "have no person; each counts as a person of its own"),
        (0 if blind.all() else int(blind.sum()), "have no eyes in the table"),
    )
    return tuple(f"{count} photographs {words}" for count, words in counts if count)


def _boxes(path: Path, rows: Sequence[dict[str, str]], names: list[str]) -> np.ndarray:
    if not set(BOX) <= set(names):
        return np.full((len(rows), 4), np.nan)
    boxes = np.stack([_required(path, rows, name) for name in BOX], 1)
    return np.where((boxes == 0).all(1, keepdims=True), np.nan, boxes)  # detectors write "no face" so


def _read(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Column names, and for each row its line and cells."""
    require_regular_file(path, ConfigError, what="table of photographs", largest=_LARGEST)
    all_rows = read_rows(path, ConfigError, what="table of photographs")
    _, header = next(all_rows, (0, []))
    names = [name.lower() if name.lower() in _OWN else name for name in header]
    if len(names) > _MOST_COLUMNS:
        raise ConfigError(f"{path} has {len(names):,} columns; at most {_MOST_COLUMNS:,} are read")
    for name in ("path", "label"):
        if name not in names:
            raise ConfigError(f"{path} has no column {name!r}; it has: {', '.join(names) or 'none'}")
    for name in names:
        if name and names.count(name) > 1:
            raise ConfigError(f"{path} has two columns {name!r}; rename one")
    rows: list[tuple[int, dict[str, str]]] = []
    cells_read = 0
    for line, cells in all_rows:
        cells_read += len(cells)
        if cells_read > _MOST_CELLS or len(rows) == _MOST_ROWS:
            raise ConfigError(f"{path} has more than {_MOST_ROWS:,} rows or {_MOST_CELLS:,} cells; split it")
        if len(cells) < len(names) or any(cells[len(names) :]):
            raise ConfigError(f"{path}, line {line}: wanted {len(names)} cells, as in the first line")
        row = dict(zip(names, cells, strict=False))
        if not row["path"]:
            raise ConfigError(f"{path}, line {line}: the path is empty")
        rows.append((line, row))
    if not rows:
        raise ConfigError(f"{path} has no rows")
    return names, rows


def _label(path: Path, line: int, text: str) -> str:
    try:
        return answer_name(text)
    except LabelError as error:
        raise LabelError(f"{path}, line {line}: {error}") from None


def _landmarks(rows: Sequence[dict[str, str]], names: list[str]) -> tuple[dict[str, np.ndarray], set[str]]:
    """Points by name, and the columns that hold them."""
    if landmarks.is_numbered(names):
        columns = landmarks.numbered_columns()
        flat = np.stack([_numeric(rows, name) for name in columns], axis=-1)
        points_in_order = flat.reshape(len(rows), 2, -1).swapaxes(1, 2)
        return landmarks.from_numbered(known_points(points_in_order)), set(columns)
    points = {}
    for name in landmarks.landmark_names(names):
        points[name] = known_points(np.stack([_numeric(rows, f"{name}_{axis}") for axis in "xy"], axis=-1))
    return points, {f"{name}_{axis}" for name in points for axis in "xy"}


def _numeric(rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    if all(is_missing(row[name]) for row in rows):
        return np.full(len(rows), np.nan)
    values = numbers_of(rows, name)
    if values is None:
        raise ConfigError(f"column {name!r} must hold pixels; {first_word(rows, name)!r} is not a number")
    return values


def _required(path: Path, rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    try:
        return _numeric(rows, name)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
