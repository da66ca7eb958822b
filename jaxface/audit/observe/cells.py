"""The cells of a table of photographs: words, numbers, grades and points, and which of them are missing."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from jaxface.core.tables import is_missing, number_of

GRADES = ("I", "II", "III", "IV", "V", "VI")
"""House and Brackmann's (1985), from normal function to total paralysis."""

_GRADE = re.compile(
    r"(?:house[\s-]*brackmann|hb)?[\s.:-]*(?:grade)?[\s.:-]*(VI|IV|V|I{1,3}|[1-6])(?:\s*/\s*(?:VI|6))?",
    re.IGNORECASE,
)


def words_of(rows: Sequence[dict[str, str]], name: str) -> tuple[str, ...] | None:
    """A column of words, "" where they are missing; None without the column, or where all are."""
    words = tuple("" if is_missing(row.get(name, "")) else row[name] for row in rows)
    return words if any(words) else None


def known_points(points: np.ndarray) -> np.ndarray:
    """Points (..., 2), NaN where one number is missing or both are 0, as trackers write a lost point."""
    lost = np.isnan(points).any(-1, keepdims=True) | (points == 0).all(-1, keepdims=True)
    return np.where(lost, np.nan, points)


def numbers_of(
    rows: Sequence[dict[str, str]], name: str, read: Callable[[str], float] = number_of
) -> np.ndarray | None:
    """A column as float64, NaN where it is missing; None where a cell is no finite number, or all are missing.

    Args:
        read: raises ValueError where a cell is no number.
    """
    try:
        array = np.array([read(row[name]) for row in rows], np.float64)
    except ValueError:
        return None
    return None if np.isnan(array).all() else array


def first_word(rows: Sequence[dict[str, str]], name: str) -> str:
    """The first cell of a column that is no number; "" without one."""
    for row in rows:
        try:
            grade_of(row[name])
        except ValueError:
            return row[name]
    return ""


def grade_of(text: str) -> float:
    """A cell as a number: 1 to 6 for a House-Brackmann grade.

    Raises:
        ValueError: it is neither a number nor a grade.
    """
    if grade := _GRADE.fullmatch(text):
        symbol = grade[1].upper()
        return float(GRADES.index(symbol) + 1 if symbol in GRADES else symbol)
    return number_of(text)
