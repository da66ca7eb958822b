"""What a survey says, in words and as a table for a terminal."""

from jaxface.audit import SurveyResult
from jaxface.audit.contrasts import FLOOR, InterventionEffect
from jaxface.audit.full_expression import ALL
from jaxface.report.tables import notes, text_table
from jaxface.report.text import capitalized, fixed, p_value, percent, plural, points
from jaxface.report.verdict import TOO_FEW
from jaxface.stats import fewest_people

_MOST = 6
"""Effects that a sentence names; the table below it has them all."""


def headline(result: SurveyResult) -> str:
    """Return the first line of the page: what changes the answers most."""
    rows = [row for row in result.effects if row.expression == ALL and row.effect.is_valid]
    if not rows:
        return "No classifier is measurable"
    if not any(_could_be_clear(row, result) for row in rows):
        return f"{capitalized(TOO_FEW)} any effect from chance"
    clear = [row for row in rows if _is_clear(row, result) and row.intervention != FLOOR]
    if not clear:
        return "No intervention was found to change an answer"
    most = max(clear, key=lambda row: abs(row.effect.mean))
    return (
        f"{most.intervention.replace('_', ' ').capitalize()} changes the answers most: "
        f"{points(most.effect.mean)} points for {most.classifier}"
    )


def sentences(result: SurveyResult) -> list[str]:
    """Return a sentence for each classifier: what changes its answers, and what was not found to."""
    rows = [row for row in result.effects if row.expression == ALL and row.intervention != FLOOR]
    lines = []
    for classifier in dict.fromkeys(row.classifier for row in rows):
        own = sorted(
            (row for row in rows if row.classifier == classifier and row.effect.is_valid),
            key=lambda row: -abs(row.effect.mean),
        )
        if not own:
            lines.append(f"{classifier}: no expression is measurable.")
        elif not any(_could_be_clear(row, result) for row in own):
            tests = plural(_tests(result), "test")
            lines.append(f"{classifier}: {TOO_FEW}; {tests} take at least {_fewest(result)}.")
        else:
            clear = [f"{_name(row)} {points(row.effect.mean)}" for row in own if _is_clear(row, result)]
            rest = [_name(row) for row in own if not _is_clear(row, result)]
            more = f" and {len(clear) - _MOST} more" if len(clear) > _MOST else ""
            named = ", ".join(clear[:_MOST])
            effects = f"points of probability: {named}{more}" if clear else ""
            nothing = f"no change was found for {', '.join(rest)}" if rest else ""
            lines.append(f"{classifier}: {'; '.join(filter(None, (effects, nothing)))}.")
    return lines


def survey_table(result: SurveyResult) -> str:
    """Return the means over expressions for a terminal, then the interactions."""
    columns = ["intervention", "classifier", "far end", "points", "interval", "p", "flips", "x floor", "trend"]
    lines = [
        [
            row.intervention,
            row.classifier,
            row.end,
            points(row.effect.mean),
            _interval(row.effect.low, row.effect.high),
            p_value(row.adjusted_p),
            percent(row.flip_share),
            fixed(row.times_floor),
            row.trend,
        ]
        for row in result.effects
        if row.expression == ALL
    ]
    text = text_table(columns, lines)
    cross_rows = [
        [
            f"{row.first} at {row.second} {row.level:g}",
            row.classifier,
            points(row.base_effect.mean),
            points(row.held_effect.mean),
            points(row.contrast.mean),
            _interval(row.contrast.low, row.contrast.high),
            p_value(row.adjusted_p),
        ]
        for row in result.interactions
        if row.expression == ALL
    ]
    if cross_rows:
        columns = ["cross", "classifier", "unchanged", "there", "difference", "interval", "p"]
        text += "\n\n" + text_table(columns, cross_rows)
    return "\n".join([text, *survey_notes(result)])


def survey_notes(result: SurveyResult) -> list[str]:
    """Return what readers must know of the classifiers' answers, each fact once."""
    return list(dict.fromkeys(line for run in result.runs.values() for line in notes(run)))


def _is_clear(row: InterventionEffect, result: SurveyResult) -> bool:
    return row.effect.has_enough_people and row.adjusted_p <= result.config.alpha


def _could_be_clear(row: InterventionEffect, result: SurveyResult) -> bool:
    return row.effect.has_enough_people and row.effect.identities >= _fewest(result)


def _fewest(result: SurveyResult) -> int:
    return fewest_people(_tests(result), result.config.alpha)


def _tests(result: SurveyResult) -> int:
    """Return how many tests are corrected for together: both ends of each intervention's levels."""
    return sum(len(result.answers[name].ends) for name in result.design.names)


def _name(row: InterventionEffect) -> str:
    return f"{row.intervention} ({row.end})"


def _interval(low: float, high: float) -> str:
    return "too few people" if low != low else f"{points(low)} .. {points(high)}"
