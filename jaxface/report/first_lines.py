"""The first lines of the report: is it bad, how bad is it, and which classifier is worse?"""

from collections.abc import Mapping, Sequence

from jaxface.audit import AuditResult
from jaxface.audit.summary import Comparison, Effect
from jaxface.report.levels import loss_sign
from jaxface.report.losses import ClassifierLosses, LossComparison
from jaxface.report.tables import interval_name
from jaxface.report.text import capitalized, listing, p_value, percent, plural, points
from jaxface.report.verdict import TOO_FEW, ClassifierVerdict, effect_points, effect_text
from jaxface.stats import fewest_people

_NAMED = 3  # classifiers at most, for each to be named in a sentence


def comparison(result: AuditResult, verdicts: Sequence[ClassifierVerdict]) -> Comparison | None:
    """Return the comparison of the largest with the smallest loss; None where there are no two."""
    valid = [verdict.name for verdict in verdicts if verdict.expressions]
    return result.summary.comparison(valid[0], valid[-1]) if len(valid) > 1 else None


def which_is_worse(row: LossComparison, result: AuditResult) -> str:
    """Return which classifier loses more at the full expression, by how much, with interval, p and n."""
    difference = row.difference
    people = plural(difference.identities, "person", "people")
    if not _could_differ(difference, result):
        return f"Which is worse? {capitalized(TOO_FEW)} {row.more} from {row.less} ({people})."
    corrected = ", corrected for all pairs" if len(result.summary.effects) > 2 else ""
    low, high = (points(-end).lstrip("+") for end in (difference.high, difference.low))
    statistics = (
        f"{interval_name(result)} {low} to {high}, p = {p_value(row.adjusted_p)}{corrected}, n = {people}"
    )
    amount = points(-difference.mean).lstrip("+")
    if row.adjusted_p > result.config.alpha:
        return (
            f"Which is worse? No difference between {row.more} and {row.less} was found at the full "
            f"expression: {row.more} loses {amount} points more ({statistics})."
        )
    return f"Which is worse? {row.more} loses {amount} points more than {row.less} ({statistics})."


def _could_differ(difference: Effect, result: AuditResult) -> bool:
    """Return whether there are enough people for a difference, corrected for all pairs, to be found."""
    fewest = fewest_people(max(1, len(result.summary.comparisons)), result.config.alpha)
    return difference.has_enough_people and difference.identities >= fewest


def comparison_sentence(row: Comparison, result: AuditResult) -> str:
    """Return what the scores say of the same, with effect, interval, p and n."""
    over = f"over the {plural(row.expressions, 'expression')} that both know"
    text = f"difference of the scores {effect_text(row.difference, result)}"
    sign = loss_sign(result.intervention.axes[0]) * row.direction
    if not _could_differ(row.difference, result):
        return f"By the score: {TOO_FEW} {row.more} from {row.less}, {over}: {text}."
    if not sign:
        return f"By the score, no difference between {row.more} and {row.less} was found {over}: {text}."
    more, less = (row.more, row.less) if sign > 0 else (row.less, row.more)
    amount = effect_points(row.difference, result).lstrip("+−")
    return (
        f"By the score, averaged over the movement from neutral to the full expression, {more} loses {amount} "
        f"points of probability more than {less}, {over}: {text}."
    )


def losses_sentence(verdicts: Sequence[ClassifierVerdict], losses: Mapping[str, ClassifierLosses]) -> str:
    """Return how bad it is: what the mean probability becomes at the full expression; empty if unknown."""
    own = [(one.name, losses[one.name].mean) for one in verdicts if one.name in losses]
    means = [(name, mean) for name, mean in own if mean is not None]
    if not means:
        return ""
    start = "At the full expression, the probability of the right answer goes from"
    if len(means) <= _NAMED:
        parts = [f"{percent(mean.unchanged)} to {percent(mean.changed)} for {name}" for name, mean in means]
        return f"{start} {listing(parts)}."
    means.sort(key=lambda pair: pair[1].change.mean)
    (first, most), (last, least) = means[0], means[-1]
    return (
        f"{start} {percent(most.unchanged)} to {percent(most.changed)} for {first}, which loses most, and from "
        f"{percent(least.unchanged)} to {percent(least.changed)} for {last}, which loses least."
    )


def headline(verdicts: Sequence[ClassifierVerdict], result: AuditResult) -> str:
    """Return the first line of the page: is it bad?"""
    wording = result.intervention.wording
    valid = [verdict for verdict in verdicts if verdict.expressions]
    if not valid:
        measured = any(row.not_measurable for row in result.summary.effects)
        return "No classifier is measurable" if measured else "No cell has a score"
    if not any(verdict.decided for verdict in valid):
        return f"{capitalized(TOO_FEW)} an effect of {wording.noun} from chance"
    worse = [verdict.name for verdict in valid if verdict.direction > 0]
    better = [verdict.name for verdict in valid if verdict.direction < 0]
    if not worse and not better:
        subject = valid[0].name if len(valid) == 1 else "these classifiers"
        return f"No effect of {wording.noun} on {subject} was found"
    faces = f"{wording.changed_face} faces"
    first = _subject(worse or better, len(valid), f"{faces} {'worse' if worse else 'better'}")
    return f"{first}, {_subject(better, len(valid), 'better')}" if worse and better else first


def _subject(classifiers: Sequence[str], count: int, rest: str) -> str:
    """Return who recognises what, such as "Both classifiers recognise half frozen faces worse"."""
    if len(classifiers) == 1 and count <= _NAMED:
        return f"{classifiers[0]} recognises {rest}"
    if len(classifiers) == count:
        return f"{'Both' if count == 2 else f'All {count}'} classifiers recognise {rest}"
    verb = "recognises" if len(classifiers) == 1 else "recognise"
    return f"{len(classifiers)} of {count} classifiers {verb} {rest}"
