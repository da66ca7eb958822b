"""The numbers of the report, from the variables of a run's store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray

from jaxface.audit.layout import CellStatus
from jaxface.audit.result import AuditResult
from jaxface.report.text import percent

REASONS = {
    CellStatus.PENDING: "not reached yet",
    CellStatus.SKIPPED: "the classifier does not know this expression",
    CellStatus.SEARCH_FAILED: "the search found no face",
    CellStatus.NOT_FINITE: "an answer is not finite",
}


@dataclass(frozen=True)
class ScoreRow:
    """One classifier and expression, over people.

    Attributes:
        known: how many people have a score; the rest describes these.
        score, low, high: mean score with its confidence interval.
        significant: how many are significant after Holm's correction; share of `known`.
        accuracy: for each checked symmetry, how often the expression is the first answer at time 1.
        activation, deviation: of the probability at symmetry and time 1, over people.
        reason: why nothing is known; empty where something is.
    """

    classifier: str
    expression: str
    known: int
    score: float
    low: float
    high: float
    significant: int
    share: float
    accuracy: tuple[float, ...]
    activation: float
    deviation: float
    reason: str


@dataclass(frozen=True)
class CrossPrediction:
    """What one classifier says of the faces that were found for another: mean probability, share first."""

    probability: float
    first: float
    own: bool


@dataclass(frozen=True)
class SchemeRow:
    """What the permutation schemes say of one classifier and expression, and the test over people.

    Attributes:
        known: people who have a score.
        significant: how many of them, scheme by scheme.
    """

    classifier: str
    expression: str
    known: int
    significant: tuple[int, ...]
    population_p: float


@dataclass(frozen=True)
class TransferRow:
    """The faces found for one classifier and expression, before every classifier."""

    finder: str
    expression: str
    cells: tuple[CrossPrediction, ...]


def names(data: xarray.Dataset, dimension: str) -> list[str]:
    """The names along a dimension."""
    return [str(name) for name in data[dimension].values]


def score_rows(result: AuditResult) -> list[ScoreRow]:
    """A row for each classifier and expression, classifier by classifier."""
    summary = result.summary
    return [
        ScoreRow(
            classifier=cell.classifier,
            expression=cell.expression,
            known=cell.identities,
            score=cell.score,
            low=cell.low,
            high=cell.high,
            significant=cell.significant,
            share=cell.ratio,
            accuracy=tuple(row.accuracy for row in summary.accuracies_of(cell.classifier, cell.expression)),
            activation=cell.activation,
            deviation=cell.activation_deviation,
            reason="" if cell.has_score else reason(cell.status),
        )
        for cell in summary.cells
    ]


def scheme_rows(result: AuditResult) -> list[SchemeRow]:
    """A row for each classifier and expression that has a score."""
    summary = result.summary
    return [
        SchemeRow(
            cell.classifier,
            cell.expression,
            cell.identities,
            tuple(row.significant for row in summary.schemes_of(cell.classifier, cell.expression)),
            cell.population_p,
        )
        for cell in summary.cells
        if cell.has_score
    ]


def reason(status: int) -> str:
    """A status in words."""
    return REASONS.get(CellStatus(status), "no permutation test yet")


def mean(values: np.ndarray) -> float:
    """Mean of what is finite; NaN where nothing is."""
    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def median(values: np.ndarray) -> float:
    """Median of what is finite; NaN where nothing is."""
    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def transfer_rows(result: AuditResult) -> list[TransferRow]:
    """A row for each classifier and expression that faces were found for."""
    rows = []
    for finder in names(result.data, "classifier"):
        for expression in names(result.data, "expression"):
            cells = [
                CrossPrediction(row.probability, row.accuracy, row.evaluator == finder)
                for row in result.summary.cross_predictions
                if (row.classifier, row.expression) == (finder, expression)
            ]
            if any(np.isfinite(cell.probability) for cell in cells):
                rows.append(TransferRow(finder, expression, tuple(cells)))
    return rows


SEARCH_COLUMNS = (
    "classifier",
    "expression",
    "> .9",
    "> .99",
    "probability",
    "shifted",
    "at bound",
    "norm",
    "excess",
    "forwards",
    "gradients",
    "CPU-s",
)


def search_rows(result: AuditResult) -> list[tuple[str, ...]]:
    """What `SEARCH_COLUMNS` names, for each classifier and expression that was searched."""
    data = result.data
    rows: list[tuple[str, ...]] = []
    for classifier in names(data, "classifier"):
        for expression in names(data, "expression"):
            cell = {
                name: data[f"search_{name}"].sel(classifier=classifier, expression=expression).values
                for name in (
                    "probability",
                    "probability_shifted",
                    "share_at_bound",
                    "norm",
                    "excess",
                    "forward_calls",
                    "gradient_calls",
                    "cpu_seconds",
                )
            }
            known = np.isfinite(cell["probability"])
            if not known.any():
                continue
            cell = {name: values[known] for name, values in cell.items()}
            rows.append(
                (
                    classifier,
                    expression,
                    percent(mean(cell["probability"] > 0.9)),
                    percent(mean(cell["probability"] > 0.99)),
                    f"{median(cell['probability']):.3f}",
                    f"{median(cell['probability_shifted']):.3f}",
                    percent(mean(cell["share_at_bound"])),
                    f"{mean(cell['norm']):.1f}",
                    f"{mean(cell['excess']):.2f}",
                    f"{median(cell['forward_calls']):.0f}",
                    f"{median(cell['gradient_calls']):.0f}",
                    f"{mean(cell['cpu_seconds']):.1f}",
                )
            )
    return rows


def text_table(columns: list[str], rows: list[list[str]]) -> str:
    """A table for a terminal: two names on the left, numbers on the right; short rows end in a remark."""
    full = [row for row in rows if len(row) == len(columns)]
    widths = [max(len(row[index]) for row in [columns, *full]) for index in range(len(columns))]
    lines = []
    for row in [columns, *rows]:
        cells = [
            value.ljust(width) if index < 2 or len(row) < len(columns) else value.rjust(width)
            for index, (value, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def score_table(result: AuditResult) -> str:
    """The scores of a run for a terminal."""
    checked = [f"first at s={value:g}" for value in result.data["probe"].values]
    columns = ["classifier", "expression", "score", "95 % interval", "significant", *checked]
    lines: list[list[str]] = []
    for row in score_rows(result):
        if row.known:
            interval = f"{row.low:+.4f} .. {row.high:+.4f}"
            shares = [percent(value) for value in row.accuracy]
            found = [f"{row.score:+.4f}", interval, f"{row.significant}/{row.known}", *shares]
        else:
            found = [f"({row.reason})"]
        lines.append([row.classifier, row.expression, *found])
    return text_table(columns, lines)
