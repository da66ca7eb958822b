"""The tables of the report, from a run's summary."""

from dataclasses import dataclass

import numpy as np
import xarray

from jaxface.audit import AuditResult, CellStatus
from jaxface.audit.by_group import GroupRow, group_rows
from jaxface.audit.effects import finite_mean
from jaxface.audit.full_expression import ALL
from jaxface.audit.groups import members
from jaxface.audit.summary import CellSummary, CrossPrediction
from jaxface.core.errors import one_line, printable
from jaxface.report.levels import loss_sign
from jaxface.report.search_notes import search_note
from jaxface.report.text import p_value, percent, plural

REASONS = {
    CellStatus.PENDING: "not reached yet",
    CellStatus.SKIPPED: "the classifier does not know this expression",
    CellStatus.SEARCH_FAILED: "the search found no face",
    CellStatus.NOT_FINITE: "an answer is not finite",
    CellStatus.CLASSIFIER_FAILED: "the classifier raised an error",
}


@dataclass(frozen=True)
class ScoreRow:
    """One classifier and expression, over people, as the report shows it.

    Attributes:
        cell: all its numbers.
        loss_sign: of `levels.loss_sign`.
        accuracy: for each probe level, how often the expression is the top class at full expression.
        scheme_counts: people whose score is significant, scheme by scheme.
        reason: why it has no score that counts; empty where it has one.
        note: why to trust the score less: the search fell short; empty where it did not.
    """

    cell: CellSummary
    loss_sign: int
    accuracy: tuple[float, ...]
    scheme_counts: tuple[int, ...]
    reason: str
    note: str

    @property
    def classifier(self) -> str:
        return self.cell.classifier

    @property
    def expression(self) -> str:
        return self.cell.expression

    @property
    def is_measurable(self) -> bool:
        """Whether its score counts."""
        return self.cell.has_score and self.cell.measurable

    @property
    def direction(self) -> int:
        """1 for a loss that the test over people finds, -1 for such a gain, else 0."""
        return self.loss_sign * (int(self.cell.low > 0) - int(self.cell.high < 0))

    @property
    def loss(self) -> float:
        """The score, positive where changed faces get lower answers than unchanged ones."""
        return self.loss_sign * self.cell.score


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
    summary, sign = result.summary, loss_sign(result.intervention.axes[0])
    return [
        ScoreRow(
            cell=cell,
            loss_sign=sign,
            accuracy=tuple(r.accuracy for r in summary.accuracies_of(cell.classifier, cell.expression)),
            scheme_counts=tuple(r.significant for r in summary.schemes_of(cell.classifier, cell.expression)),
            reason=reason(cell),
            note=search_note(result, cell.classifier, cell.expression),
        )
        for cell in summary.cells
    ]


def reason(cell: CellSummary) -> str:
    """Return why a cell has no score that counts; empty where it has one."""
    if not cell.has_score:
        return REASONS.get(CellStatus(cell.status), "no permutation test yet")
    if not cell.measurable:
        people = plural(cell.identities, "person", "people")
        return f"not measurable: the unchanged face reached the target for {cell.reached} of {people}"
    return ""


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


def people_groups(
    result: AuditResult,
) -> list[tuple[str, list[tuple[str, int]], list[tuple[str, list[GroupRow | None]]]]]:
    """Return what people are grouped by: its name, groups with their people, and each classifier's rows."""
    several = []
    narrow_first = sorted(members(result.data).items(), key=lambda item: len(item[1]))
    for attribute, groups in narrow_first:
        rows = [row for row in group_rows(result, attribute) if row.expression == ALL]
        by_key = {(row.classifier, row.group): row for row in rows}
        classifiers = dict.fromkeys(row.classifier for row in rows)
        lines = [(name, [by_key.get((name, group)) for group in groups]) for name in classifiers]
        if lines:
            several.append((attribute, [(name, int(mask.sum())) for name, mask in groups.items()], lines))
    return several


SEARCH_COLUMNS = (
    "classifier",
    "expression",
    "> .9",
    "> .99",
    "probability",
    "after a shift",
    "at bound",
    "distance",
    "beyond a face",
    "renders",
    "with gradient",
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


def finite_median(values: np.ndarray) -> float:
    """Return the median of the finite values; NaN where there are none."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")


def text_table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a table for a terminal: two names on the left, numbers on the right; short rows end in a note."""
    rows = [[printable(value) for value in row] for row in rows]
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
    dose, level = result.intervention.axes[0], interval_name(result)
    probes = [f"accuracy at {dose.symbol}={level:g}" for level in result.intervention.probe_levels]
    columns = ["classifier", "expression", "score", level, "p", "starts at", "significant", *probes]
    lines: list[list[str]] = []
    rows = score_rows(result)
    for row in rows:
        cell = row.cell
        if row.is_measurable:
            interval = f"{cell.low:+.4f} .. {cell.high:+.4f}" if np.isfinite(cell.low) else "too few people"
            numbers = [f"{cell.score:+.4f}", interval, p_value(cell.population_p), percent(cell.activation)]
            cells = [*numbers, f"{cell.significant}/{cell.identities}", *map(percent, row.accuracy)]
        else:
            cells = [f"({row.reason})"]
        lines.append([row.classifier, row.expression, *cells])
    cautions = [f"{row.classifier}, {row.expression}: {row.note}" for row in rows if row.note]
    return "\n".join([text_table(columns, lines), *cautions, *notes(result)])


def notes(result: AuditResult) -> list[str]:
    """Return what readers of the scores must know of the classifiers' answers: a line for each fact.

    Labels that are not examined, functions that answer by chance or with probabilities, different searches, and
    the errors that ended cells.
    """
    lines = [
        f"{name}: {note}"
        for name, facts in result.data.attrs["classifiers"].items()
        for note in facts.get("notes", ())
    ]
    by_gradient, by_evolution = searches(result)
    if by_gradient and by_evolution:
        lines.append(
            f"searched differently: {', '.join(by_gradient)} by gradient, {', '.join(by_evolution)} by "
            "differential evolution, so that scores differ by the search, too; --search.method "
            "differential-evolution searches all alike"
        )
    failure = result.data["failure"].values
    for cells in failure:
        texts = cells[cells != ""]
        if len(texts):
            lines.append(f"{plural(len(texts), 'cell')} failed: {one_line(texts[0], 300)}")
    return lines


def searches(result: AuditResult) -> tuple[list[str], list[str]]:
    """Return the classifiers whose faces were searched with gradients, and those without."""
    dimensions = ("expression", "identity")
    gradients = result.data["search_gradient_calls"].sum(dimensions).values > 0
    forwards = result.data["search_forward_calls"].sum(dimensions).values > 0
    every = names(result.data, "classifier")
    by_gradient = [name for name, has_gradient in zip(every, gradients, strict=True) if has_gradient]
    others = zip(every, forwards & ~gradients, strict=True)
    return by_gradient, [name for name, has_forward_alone in others if has_forward_alone]


def interval_name(result: AuditResult) -> str:
    """Return "95 % interval", at the run's level."""
    return f"{100 * (1 - result.config.alpha):g} % interval"
