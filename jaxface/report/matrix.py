"""Matrices of classifiers by expressions: the paper's Tables 2 to 5 for the page."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxface.audit import AuditResult
from jaxface.report.tables import ScoreRow
from jaxface.report.text import fixed, p_value, percent, signed


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
    largest = max((abs(row.cell.score) for row in rows if row.is_measurable), default=0.0) or 1.0

    def cell(row: ScoreRow) -> Cell:
        one = row.cell
        if not row.is_measurable:
            return Cell("n. m.", description=row.reason)
        interval = (
            f"{signed(one.low)} to {signed(one.high)}" if one.low == one.low else "too few people to tell"
        )
        return Cell(
            signed(one.score) + (" ⚠" if row.note else ""),
            f"{one.significant}/{one.identities}",
            one.score / largest,
            one.ratio > 0.5,
            f"{interval}; {one.significant} of {one.identities} people significant; starts at "
            f"{percent(one.activation)} and changes by {percent(one.share)} of it"
            + (f"; {row.note}" if row.note else ""),
        )

    return _matrix(rows, cell)


def accuracy(rows: list[ScoreRow]) -> Matrix:
    """Return Table 4: the accuracy at each probe level, tinted by its loss from unchanged to changed faces."""

    def cell(row: ScoreRow) -> Cell:
        text = " / ".join(percent(value).replace(" %", "") for value in row.accuracy)
        return Cell(text, share=row.cell.accuracy_changed - row.cell.accuracy_unchanged)

    return _matrix(rows, cell)


def activation(rows: list[ScoreRow]) -> Matrix:
    """Return Table 5: the probability of the unchanged face at full expression."""

    def cell(row: ScoreRow) -> Cell:
        one = row.cell
        return Cell(fixed(one.activation), f"± {fixed(one.activation_deviation)}", one.activation)

    return _matrix(rows, cell)


def differences(result: AuditResult) -> Matrix:
    """Return every classifier's effect minus every other's, within people; bold: significant for all pairs."""
    ranking = [row.classifier for row in result.summary.effects if row.effect.is_valid]
    largest = max((abs(row.difference.mean) for row in result.summary.comparisons), default=0.0) or 1.0

    def cell(one: str, other: str) -> Cell:
        row = result.summary.comparison(one, other)
        if one == other or row is None:
            return Cell("" if one == other else "–")
        sign = 1 if row.more == one else -1
        mean, limits = (
            sign * row.difference.mean,
            sorted((sign * row.difference.low, sign * row.difference.high)),
        )
        interval = f"{signed(limits[0])} to {signed(limits[1])}; p = {p_value(row.difference.p_value)}, "
        description = f"{interval}{p_value(row.adjusted_p)} after the correction for all pairs"
        return Cell(signed(mean), p_value(row.adjusted_p), mean / largest, row.direction != 0, description)

    return Matrix(tuple(ranking), tuple((one, tuple(cell(one, other) for other in ranking)) for one in ranking))


def _matrix(rows: list[ScoreRow], cell: Callable[[ScoreRow], Cell]) -> Matrix:
    columns = tuple(dict.fromkeys(row.expression for row in rows))
    classifiers = tuple(dict.fromkeys(row.classifier for row in rows))
    by_key = {(row.classifier, row.expression): row for row in rows}

    def one(row: ScoreRow) -> Cell:
        return cell(row) if row.cell.has_score else Cell("–", description=row.reason)

    return Matrix(columns, tuple((c, tuple(one(by_key[c, e]) for e in columns)) for c in classifiers))


def tint(share: float) -> int:
    """Return the depth of a cell's tint, per cent of the accent."""
    return round(42 * min(abs(share), 1.0) ** 0.8)
