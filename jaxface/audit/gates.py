"""Limits that an audit, or a change between two, may not exceed: what `--fail-on` checks.

`check([parse("score>0.01")], result.summary)` returns a line for each classifier and expression that fails.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from jaxface.core.errors import ConfigError, suggestion

if TYPE_CHECKING:
    from jaxface.audit.changes import Change, ClassifierChange
    from jaxface.audit.contrasts import InterventionEffect
    from jaxface.audit.summary import CellSummary, Summary

UNMEASURED = "not measurable"
PASSED, FAILED, UNMEASURED_STATUS = "passed", "failed", "unmeasured"


class Value(NamedTuple):
    """One measured number.

    Attributes:
        value: NaN where the people are too few for it.
    """

    classifier: str
    expression: str
    value: float

    @property
    def label(self) -> str:
        """The classifier and the expression."""
        return f"{self.classifier}, {self.expression}"


class Outcome(NamedTuple):
    """One limit held against one classifier and expression.

    Attributes:
        limit: such as "score>0.01"; empty for what every limit asks: that the cell can be judged.
        classifier, expression: empty where they are none.
        value: NaN where it could not be measured.
        status: "passed", "failed" or "unmeasured"; the last fails unless it is allowed.
        message: why, in one line; empty where it passed.
        fails: whether the gate fails by it.
    """

    limit: str
    classifier: str
    expression: str
    value: float
    status: str
    message: str
    fails: bool


class Limit(NamedTuple):
    """A measure that no classifier and expression may exceed, or fall below.

    Attributes:
        expression: the only one that is checked; empty = all.
        sign: 1 for a highest value, -1 for a lowest.
    """

    measure: str
    value: float
    expression: str
    sign: int

    def __str__(self) -> str:
        place = f"{self.expression}: " if self.expression else ""
        return f"{place}{self.measure}{'>' if self.sign > 0 else '<'}{self.value:g}"


MEASURES: dict[str, Callable[["CellSummary"], float]] = {
    "score": lambda cell: cell.low,
    "score high": lambda cell: cell.high,
    "score mean": lambda cell: cell.score,
    "significant": lambda cell: cell.ratio,
    "accuracy drop": lambda cell: cell.accuracy_unchanged - cell.accuracy_changed,
    "activation": lambda cell: cell.activation,
    "failures": lambda cell: float(cell.failures),
}
"""What can be limited in one run. "score" is exceeded where a test over people says so: by the low end of the
interval; "score high" where the interval reaches beyond the limit."""

CHANGES: dict[str, Callable[["Change"], float]] = {
    "score increase": lambda change: change.difference.low,
    "score increase high": lambda change: change.difference.high,
    "score increase mean": lambda change: change.difference.mean,
    "accuracy drop": lambda change: change.accuracy[0] - change.accuracy[1],
    "activation drop": lambda change: change.activation[0] - change.activation[1],
}
"""What can be limited between two runs, within people; "accuracy drop" is on changed faces."""

SURVEY_SUFFIXES: dict[str, Callable[["InterventionEffect"], float]] = {
    "": lambda row: max(row.effect.low, -row.effect.high),
    " high": lambda row: max(abs(row.effect.low), abs(row.effect.high)),
    " mean": lambda row: abs(row.effect.mean),
    " flips": lambda row: row.flip_share,
}
"""What can be limited in a survey, after the name of an intervention: the change of the probability at the far
end, in either direction. "skin_tone" is exceeded where a test over people says so; "skin_tone high" where the
interval reaches beyond the limit; "skin_tone flips" is the share of people whose first answer changes."""


def parse(text: str, measures: Sequence[str] = tuple(MEASURES)) -> Limit:
    """Return `score>0.01`, or `happiness: score>0.01`, as a limit.

    Raises:
        ConfigError: it is none of these measures.
    """
    match = re.fullmatch(r"\s*(?:([^:<>]+):)?\s*([a-z_ ]+?)\s*([<>])\s*([-+.0-9eE]+)\s*", text)
    try:
        if match is None:
            raise ValueError
        limit = Limit(match[2], float(match[4]), (match[1] or "").strip(), 1 if match[3] == ">" else -1)
    except ValueError:
        forms = ", ".join(f"{name}>NUMBER" for name in measures)
        raise ConfigError(f"{text!r} is no limit: must be {forms}, or EXPRESSION: before one") from None
    if limit.measure not in measures:
        raise ConfigError(
            f"{text!r} limits an unknown measure{suggestion(limit.measure, measures)}; "
            f"known: {', '.join(measures)}"
        )
    return limit


def check(limits: Sequence[Limit], summary: "Summary", allow_unmeasured: bool = False) -> list[str]:
    """Return a line for every limit that a classifier and expression exceeds; empty if the audit passes.

    A cell that cannot be judged fails, too: one without a score, one that is not measurable, and one with too
    few people for the measure.

    Args:
        allow_unmeasured: let such cells pass, if at least one can be judged.
    """
    return failures(judge(limits, summary, allow_unmeasured))


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the messages of what fails."""
    return [one.message for one in outcomes if one.fails]


def judge(limits: Sequence[Limit], summary: "Summary", allow_unmeasured: bool = False) -> list[Outcome]:
    """Return every limit held against every classifier and expression; arguments as of `check`."""
    skipped = [cell for cell in summary.cells if cell.identities == 0 and cell.failures == 0]  # no such label
    cells = [cell for cell in summary.cells if cell not in skipped]
    judged = [cell for cell in cells if cell.has_score and cell.measurable]
    if not judged:
        message = "no classifier and expression is measurable"
        return [Outcome("", "", "", float("nan"), UNMEASURED_STATUS, message, True)]
    outcomes = [_unmeasured(cell, not allow_unmeasured) for cell in cells if cell not in judged]
    for limit in limits:
        measure = MEASURES[limit.measure]
        values = [Value(cell.classifier, cell.expression, measure(cell)) for cell in judged]
        outcomes += outcomes_of(limit, values, allow_unmeasured)
    return outcomes


def check_changes(
    limits: Sequence[Limit], changes: "Sequence[ClassifierChange]", allow_unmeasured: bool = False
) -> list[str]:
    """Return a line for every limit that a change between two runs exceeds; expression "all" is their mean."""
    return failures(judge_changes(limits, changes, allow_unmeasured))


def judge_changes(
    limits: Sequence[Limit], changes: "Sequence[ClassifierChange]", allow_unmeasured: bool = False
) -> list[Outcome]:
    """Return every limit held against every change between two runs."""
    rows = [(one.name, change) for one in changes for change in (*one.expressions, one.overall)]
    outcomes = []
    for limit in limits:
        measure = CHANGES[limit.measure]
        values = [Value(name, row.expression, measure(row)) for name, row in rows]
        outcomes += outcomes_of(limit, values, allow_unmeasured)
    return outcomes


def survey_measures(interventions: Sequence[str]) -> tuple[str, ...]:
    """Return all measures of a survey of these interventions."""
    return tuple(name + suffix for name in interventions for suffix in SURVEY_SUFFIXES)


def check_survey(
    limits: Sequence[Limit], rows: "Sequence[InterventionEffect]", allow_unmeasured: bool = False
) -> list[str]:
    """Return a line for every limit that an intervention exceeds; expression "all" is the mean over them."""
    return failures(judge_survey(limits, rows, allow_unmeasured))


def judge_survey(
    limits: Sequence[Limit], rows: "Sequence[InterventionEffect]", allow_unmeasured: bool = False
) -> list[Outcome]:
    """Return every limit held against every effect of its intervention."""
    outcomes = []
    for limit in limits:
        name = next(row.intervention for row in rows if _is_measure_of(limit.measure, row.intervention))
        measure = SURVEY_SUFFIXES[limit.measure.removeprefix(name)]
        own = [row for row in rows if row.intervention == name]
        values = [Value(row.classifier, row.expression, measure(row)) for row in own]
        outcomes += outcomes_of(limit, values, allow_unmeasured)
    return outcomes


def _is_measure_of(measure: str, intervention: str) -> bool:
    return measure.startswith(intervention) and measure.removeprefix(intervention) in SURVEY_SUFFIXES


def outcomes_of(limit: Limit, values: Sequence[Value], allow_unmeasured: bool) -> list[Outcome]:
    """Return the limit held against each value.

    Raises:
        ConfigError: the limit is on an expression that is not there.
    """
    own = [value for value in values if limit.expression in ("", value.expression)]
    if not own:
        known = [value.expression for value in values]
        raise ConfigError(f"no expression {limit.expression!r} to limit{suggestion(limit.expression, known)}")
    return [_outcome(limit, value, allow_unmeasured) for value in own]


def _outcome(limit: Limit, one: Value, allow_unmeasured: bool) -> Outcome:
    where = str(limit), one.classifier, one.expression, one.value
    if one.value != one.value:
        message = f"{one.label}: not measurable, or too few people for {limit.measure}"
        return Outcome(*where, UNMEASURED_STATUS, message, not allow_unmeasured)
    if limit.sign * one.value > limit.sign * limit.value:
        sign = ">" if limit.sign > 0 else "<"
        message = f"{one.label}: {limit.measure} {one.value:.4g} {sign} {limit.value:g}"
        return Outcome(*where, FAILED, message, True)
    return Outcome(*where, PASSED, "", False)


def _unmeasured(cell: "CellSummary", fails: bool) -> Outcome:
    where = f"{cell.classifier}, {cell.expression}"
    message = f"{where}: {UNMEASURED}: the target was reached for {cell.reached} of {cell.identities} people"
    if not cell.has_score:
        message = f"{where}: no score"
    return Outcome("", cell.classifier, cell.expression, float("nan"), UNMEASURED_STATUS, message, fails)
