"""The tables of the report, from a run's summary."""

from dataclasses import dataclass

import numpy as np
import xarray

from jaxface.audit import AuditResult, CellStatus
from jaxface.audit.summary import CrossPrediction
from jaxface.report.levels import loss_sign
from jaxface.report.text import percent

REASONS = {
    CellStatus.PENDING: "not reached yet",
    CellStatus.SKIPPED: "the classifier does not know this expression",
    CellStatus.SEARCH_FAILED: "the search found no face",
    CellStatus.NOT_FINITE: "an answer is not finite",
}


@dataclass(frozen=True)
class ScoreRow:
    """One classifier and expression, over people: a view of `CellSummary`.

    Attributes:
        n_valid: people who have a score; all other numbers describe these.
        score, low, high: mean score with its confidence interval.
        loss_sign: of `levels.loss_sign`.
        significant: people whose score is significant after the run's correction; share of `n_valid`.
        accuracy: for each probe level, how often the expression is the top class at full expression.
        accuracy_ends: that at the most changed probe level, and on the unchanged face.
        activation, deviation: probability of the unchanged face at full expression, over people.
        population_p: p-value of the mean score.
        scheme_counts: people whose score is significant, scheme by scheme.
        reason: why there is no score; empty where there is one.
    """

    classifier: str
    expression: str
    n_valid: int
    score: float
    low: float
    high: float
    loss_sign: int
    significant: int
    share: float
    accuracy: tuple[float, ...]
    accuracy_ends: tuple[float, float]
    activation: float
    deviation: float
    population_p: float
    scheme_counts: tuple[int, ...]
    reason: str

    @property
    def direction(self) -> int:
        """1 for a loss whose interval excludes zero, -1 for such a gain, else 0."""
        return self.loss_sign * (int(self.low > 0) - int(self.high < 0))

    @property
    def loss(self) -> float:
        """The score, positive where changed faces get lower answers than unchanged ones."""
        return self.loss_sign * self.score


@dataclass(frozen=True)
class TransferRow:
    """The faces searched for one classifier and expression, before every classifier.

    Attributes:
        cells: one for each evaluator, with whether it is `searched_for` itself.
    """

    searched_for: str
    expression: str
    cells: tuple[tuple[CrossPrediction, bool], ...]


def names(data: xarray.Dataset, dimension: str) -> list[str]:
    """Return the names along a dimension."""
    return [str(name) for name in data[dimension].values]


def score_rows(result: AuditResult) -> list[ScoreRow]:
    """Return a row for each classifier and expression, classifier by classifier."""
    summary, intervention = result.summary, result.intervention
    ends = intervention.most_changed_probe, intervention.unchanged_probe
    sign = loss_sign(intervention.axes[0])
    rows = []
    for cell in summary.cells:
        key = cell.classifier, cell.expression
        accuracy = tuple(row.accuracy for row in summary.accuracies_of(*key))
        rows.append(
            ScoreRow(
                classifier=cell.classifier,
                expression=cell.expression,
                n_valid=cell.identities,
                score=cell.score,
                low=cell.low,
                high=cell.high,
                loss_sign=sign,
                significant=cell.significant,
                share=cell.ratio,
                accuracy=accuracy,
                accuracy_ends=(accuracy[ends[0]], accuracy[ends[1]]),
                activation=cell.activation,
                deviation=cell.activation_deviation,
                population_p=cell.population_p,
                scheme_counts=tuple(row.significant for row in summary.schemes_of(*key)),
                reason="" if cell.has_score else reason(cell.status),
            )
        )
    return rows


def reason(status: int) -> str:
    """Return why a cell of this `CellStatus` has no score."""
    return REASONS.get(CellStatus(status), "no permutation test yet")


def transfer_rows(result: AuditResult) -> list[TransferRow]:
    """Return a row for each classifier and expression that faces were searched for."""
    rows = []
    for classifier in names(result.data, "classifier"):
        for expression in names(result.data, "expression"):
            cells = tuple(
                (cell, cell.evaluator == classifier)
                for cell in result.summary.cross_predictions
                if (cell.classifier, cell.expression) == (classifier, expression)
            )
            if any(np.isfinite(cell.probability) for cell, _ in cells):
                rows.append(TransferRow(classifier, expression, cells))
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
    """Return the values of `SEARCH_COLUMNS`, for each classifier and expression that was searched."""
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
            mask = np.isfinite(cell["probability"])
            if not mask.any():
                continue
            cell = {name: values[mask] for name, values in cell.items()}
            rows.append(
                (
                    classifier,
                    expression,
                    percent(finite_mean(cell["probability"] > 0.9)),
                    percent(finite_mean(cell["probability"] > 0.99)),
                    f"{finite_median(cell['probability']):.3f}",
                    f"{finite_median(cell['probability_shifted']):.3f}",
                    percent(finite_mean(cell["share_at_bound"])),
                    f"{finite_mean(cell['norm']):.1f}",
                    f"{finite_mean(cell['excess']):.2f}",
                    f"{finite_median(cell['forward_calls']):.0f}",
                    f"{finite_median(cell['gradient_calls']):.0f}",
                    f"{finite_mean(cell['cpu_seconds']):.1f}",
                )
            )
    return rows


def finite_mean(values: np.ndarray) -> float:
    """Return the mean of the finite values; NaN where there are none."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def finite_median(values: np.ndarray) -> float:
    """Return the median of the finite values; NaN where there are none."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")


def text_table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a table for a terminal: two names on the left, numbers on the right; short rows end in a note."""
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
    """Return the scores of a run for a terminal."""
    intervention = result.intervention
    symbol = intervention.axes[0].symbol
    probes = [f"accuracy at {symbol}={level:g}" for level in intervention.probe_levels]
    columns = ["classifier", "expression", "score", "95 % interval", "significant", *probes]
    lines: list[list[str]] = []
    for row in score_rows(result):
        if row.n_valid:
            interval = f"{row.low:+.4f} .. {row.high:+.4f}"
            accuracy = [percent(value) for value in row.accuracy]
            cells = [f"{row.score:+.4f}", interval, f"{row.significant}/{row.n_valid}", *accuracy]
        else:
            cells = [f"({row.reason})"]
        lines.append([row.classifier, row.expression, *cells])
    return text_table(columns, lines)
