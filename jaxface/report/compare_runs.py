"""Two runs compared, in words and as a table for a terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxface.audit import AuditResult
from jaxface.audit.changes import ClassifierChange, changes_between
from jaxface.interventions import Wording
from jaxface.report.tables import interval_name, text_table
from jaxface.report.text import capitalized, p_value, percent, signed
from jaxface.report.verdict import TOO_FEW, direction, effect_text


@dataclass(frozen=True)
class Pair:
    """A classifier in both runs.

    Attributes:
        change: all its numbers.
        direction: 1 if the effect is larger in the second run, -1 if smaller, 0 if the test finds neither.
        sentence: the overall change, with effect, interval, p and n.
    """

    change: ClassifierChange
    direction: int
    sentence: str


def pairs(first: AuditResult, second: AuditResult) -> list[Pair]:
    """Return what changed of each classifier; errors as of `audit.changes.changes_between`."""
    return [_pair(first, change) for change in changes_between(first, second)]


def _pair(first: AuditResult, change: ClassifierChange) -> Pair:
    difference, after = change.overall.difference, change.after
    sign = direction(difference, first)
    effect = first.intervention.wording.effect
    if not difference.is_valid:
        sentence = f"{after}: no expression is measurable in both runs."
        return Pair(change, sign, sentence)
    finding = {
        1: f"{after} {effect} more in the second run",
        0: f"No difference between the runs of {after} was found",
        -1: f"{after} {effect} less in the second run",
    }[sign]
    if not difference.has_enough_people:
        finding = f"{capitalized(TOO_FEW)} the runs of {after} apart"
    text = effect_text(difference, first)
    return Pair(change, sign, f"{finding}: within people the difference of the scores is {text}.")


def headline(all_pairs: Sequence[Pair], wording: Wording) -> str:
    """Return the first line of the page."""
    signs = {pair.direction for pair in all_pairs}
    overall = [pair.change.overall.difference for pair in all_pairs]
    if not any(effect.is_valid for effect in overall):
        return "No classifier is measurable in both runs"
    if not any(effect.has_enough_people for effect in overall):
        return f"{capitalized(TOO_FEW)} the two runs apart"
    if signs == {0}:
        return "No difference between the two runs was found"
    if len(signs) > 1:
        count = f"{sum(pair.direction < 0 for pair in all_pairs)} of {len(all_pairs)} classifiers"
        return f"The effect of {wording.noun} on {count} is smaller in the second run"
    amount = "less" if signs == {-1} else "more"
    pair = all_pairs[0]
    if len(all_pairs) > 1:
        return f"Every classifier {wording.effect} {amount} in the second run"
    if pair.change.before != pair.change.after:
        return f"{pair.change.after} {wording.effect} {amount} than {pair.change.before}"
    return f"{pair.change.name} {wording.effect} {amount} in the second run"


def comparison_table(first: AuditResult, second: AuditResult) -> str:
    """Return the comparison for a terminal."""
    columns = ["classifier", "expression", "before", "after", "difference", interval_name(first), "p", "people"]
    lines = []
    for one in changes_between(first, second):
        for change in (*one.expressions, one.overall):
            effect = change.difference
            interval = f"{signed(effect.low)} .. {signed(effect.high)}"
            lines.append(
                [
                    one.name,
                    change.expression,
                    signed(change.before),
                    signed(change.after),
                    signed(effect.mean),
                    "too few people" if math.isnan(effect.low) else interval,
                    p_value(effect.p_value),
                    str(effect.identities),
                ]
            )
    return text_table(columns, lines)


def shares(values: tuple[float, float]) -> str:
    """Return two shares, before and after."""
    return f"{percent(values[0])} → {percent(values[1])}"
