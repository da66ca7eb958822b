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


class Value(NamedTuple):
    """One measured number.

    Attributes:
        label: the classifier and the expression.
        value: NaN where the people are too few for it.
    """

    label: str
    expression: str
    value: float


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
    skipped = [cell for cell in summary.cells if cell.identities == 0 and cell.failures == 0]  # no such label
    cells = [cell for cell in summary.cells if cell not in skipped]
    judged = [cell for cell in cells if cell.has_score and cell.measurable]
    if not judged:
        return ["no classifier and expression is measurable"]
    lines = [] if allow_unmeasured else [_unmeasured(cell) for cell in cells if cell not in judged]
    for limit in limits:
        measure = MEASURES[limit.measure]
        values = [
            Value(f"{cell.classifier}, {cell.expression}", cell.expression, measure(cell)) for cell in judged
        ]
        lines += violations(limit, values, allow_unmeasured)
    return lines


def check_changes(
    limits: Sequence[Limit], changes: "Sequence[ClassifierChange]", allow_unmeasured: bool = False
) -> list[str]:
    """Return a line for every limit that a change between two runs exceeds; expression "all" is their mean."""
    rows = [(one.name, change) for one in changes for change in (*one.expressions, one.overall)]
    lines = []
    for limit in limits:
        measure = CHANGES[limit.measure]
        values = [Value(f"{name}, {row.expression}", row.expression, measure(row)) for name, row in rows]
        lines += violations(limit, values, allow_unmeasured)
    return lines


def survey_measures(interventions: Sequence[str]) -> tuple[str, ...]:
    """Return all measures of a survey of these interventions."""
    return tuple(name + suffix for name in interventions for suffix in SURVEY_SUFFIXES)


def check_survey(
    limits: Sequence[Limit], rows: "Sequence[InterventionEffect]", allow_unmeasured: bool = False
) -> list[str]:
    """Return a line for every limit that an intervention exceeds; expression "all" is the mean over them."""
    lines = []
    for limit in limits:
        name = next(row.intervention for row in rows if _is_measure_of(limit.measure, row.intervention))
        measure = SURVEY_SUFFIXES[limit.measure.removeprefix(name)]
        own = [row for row in rows if row.intervention == name]
        values = [Value(f"{row.classifier}, {row.expression}", row.expression, measure(row)) for row in own]
        lines += violations(limit, values, allow_unmeasured)
    return lines


def _is_measure_of(measure: str, intervention: str) -> bool:
    return measure.startswith(intervention) and measure.removeprefix(intervention) in SURVEY_SUFFIXES


def violations(limit: Limit, values: Sequence[Value], allow_unmeasured: bool) -> list[str]:
    """Return a line for every value that the limit is not kept by.

    Raises:
        ConfigError: the limit is on an expression that is not there.
    """
    own = [value for value in values if limit.expression in ("", value.expression)]
    if not own:
        known = [value.expression for value in values]
        raise ConfigError(f"no expression {limit.expression!r} to limit{suggestion(limit.expression, known)}")
    lines = []
    sign = ">" if limit.sign > 0 else "<"
    for label, _, value in own:
        if value != value:
            if not allow_unmeasured:
                lines.append(f"{label}: not measurable, or too few people for {limit.measure}")
        elif limit.sign * value > limit.sign * limit.value:
            lines.append(f"{label}: {limit.measure} {value:.4g} {sign} {limit.value:g}")
    return lines


def _unmeasured(cell: "CellSummary") -> str:
    where = f"{cell.classifier}, {cell.expression}"
    if not cell.has_score:
        return f"{where}: no score"
    return f"{where}: {UNMEASURED}: the target was reached for {cell.reached} of {cell.identities} people"
