"""Classifiers by expressions: the paper's Tables 2 to 5 as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxface.report.tables import ScoreRow
from jaxface.report.text import fixed, percent, signed


@dataclass(frozen=True)
class Cell:
    """One number.

    Attributes:
        text: as it is shown.
        note: smaller, beneath.
        share: of the largest in the matrix, in [-1, 1]: how deep the tint is.
        strong: it is significant for most people.
        about: told in full, for a pointer that rests on it.
    """

    text: str
    note: str = ""
    share: float = 0.0
    strong: bool = False
    about: str = ""


@dataclass(frozen=True)
class Matrix:
    """A table with a row for each classifier.

    Attributes:
        rows: (classifier, its cells).
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def scores(rows: list[ScoreRow]) -> Matrix:
    """Table 2 with Table 3 beneath each score."""
    largest = max((abs(row.score) for row in rows if row.known), default=0.0) or 1.0

    def cell(row: ScoreRow) -> Cell:
        return Cell(
            signed(row.score),
            f"{row.significant}/{row.known}",
            row.score / largest,
            row.share > 0.5,
            f"{signed(row.low)} to {signed(row.high)}; {row.significant} of {row.known} people significant",
        )

    return _matrix(rows, cell)


def accuracy(rows: list[ScoreRow]) -> Matrix:
    """Table 4's question: how often is the target the first answer, at each checked symmetry."""

    def cell(row: ScoreRow) -> Cell:
        shares = " / ".join(percent(value).replace(" %", "") for value in row.accuracy)
        return Cell(shares, share=-(row.accuracy[-1] - row.accuracy[0]))

    return _matrix(rows, cell)


def activation(rows: list[ScoreRow]) -> Matrix:
    """Table 5: the probability reached with a whole face at full expression."""
    return _matrix(rows, lambda row: Cell(fixed(row.activation), f"± {fixed(row.deviation)}", row.activation))


def _matrix(rows: list[ScoreRow], cell) -> Matrix:  # type: ignore[no-untyped-def]
    columns = tuple(dict.fromkeys(row.expression for row in rows))
    classifiers = tuple(dict.fromkeys(row.classifier for row in rows))
    found = {(row.classifier, row.expression): row for row in rows}

    def one(row: ScoreRow) -> Cell:
        return cell(row) if row.known else Cell("–", about=row.reason)

    return Matrix(columns, tuple((c, tuple(one(found[c, e]) for e in columns)) for c in classifiers))


def tint(share: float) -> int:
    """How deep a cell is tinted, per cent of the accent."""
    return round(42 * min(abs(share), 1.0) ** 0.8)
