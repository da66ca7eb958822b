"""Matrices of classifiers by expressions: the paper's Tables 2 to 5 for the page."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxface.report.tables import ScoreRow
from jaxface.report.text import fixed, percent, signed


@dataclass(frozen=True)
class Cell:
    """One number.

    Attributes:
        text: the number, formatted.
        note: in small print below it.
        share: of the largest in the matrix, in [-1, 1]: the depth of the tint.
        strong: whether it is significant for most people.
        description: the tooltip.
    """

    text: str
    note: str = ""
    share: float = 0.0
    strong: bool = False
    description: str = ""


@dataclass(frozen=True)
class Matrix:
    """A table with a row for each classifier.

    Attributes:
        rows: (classifier, its cells).
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def scores(rows: list[ScoreRow]) -> Matrix:
    """Return Table 2, with Table 3 below each score."""
    largest = max((abs(row.score) for row in rows if row.n_valid), default=0.0) or 1.0

    def cell(row: ScoreRow) -> Cell:
        return Cell(
            signed(row.score),
            f"{row.significant}/{row.n_valid}",
            row.score / largest,
            row.share > 0.5,
            f"{signed(row.low)} to {signed(row.high)}; {row.significant} of {row.n_valid} people significant",
        )

    return _matrix(rows, cell)


def accuracy(rows: list[ScoreRow]) -> Matrix:
    """Return Table 4: the accuracy at each probe level, tinted by its loss from unchanged to changed faces."""

    def cell(row: ScoreRow) -> Cell:
        text = " / ".join(percent(value).replace(" %", "") for value in row.accuracy)
        changed_share, unchanged_share = row.accuracy_ends
        return Cell(text, share=-(unchanged_share - changed_share))

    return _matrix(rows, cell)


def activation(rows: list[ScoreRow]) -> Matrix:
    """Return Table 5: the probability of the unchanged face at full expression."""
    return _matrix(rows, lambda row: Cell(fixed(row.activation), f"± {fixed(row.deviation)}", row.activation))


def _matrix(rows: list[ScoreRow], cell: Callable[[ScoreRow], Cell]) -> Matrix:
    columns = tuple(dict.fromkeys(row.expression for row in rows))
    classifiers = tuple(dict.fromkeys(row.classifier for row in rows))
    by_key = {(row.classifier, row.expression): row for row in rows}

    def one(row: ScoreRow) -> Cell:
        return cell(row) if row.n_valid else Cell("–", description=row.reason)

    return Matrix(columns, tuple((c, tuple(one(by_key[c, e]) for e in columns)) for c in classifiers))


def tint(share: float) -> int:
    """Return the depth of a cell's tint, per cent of the accent."""
    return round(42 * min(abs(share), 1.0) ** 0.8)
