"""The verdict: which classifier has an effect, its size and uncertainty, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.audit.summary import ClassifierEffect, Comparison, Effect
from jaxface.report import prose
from jaxface.report.levels import loss_sign
from jaxface.report.tables import interval_name, names
from jaxface.report.text import capitalized, p_value, percent, plural, points, signed

TOO_FEW = "too few people to tell"


@dataclass(frozen=True)
class ClassifierVerdict:
    """One classifier's effect in words.

    Attributes:
        index: the classifier's position in the run.
        direction: 1 for a loss from unchanged to changed faces, -1 for a gain, 0 for neither.
        decided: whether there are enough people, and a measurable expression.
        points: change of the probability from unchanged to changed faces, percentage points.
        expressions: how many have a score.
        accuracy: at full expression, on changed and on unchanged faces.
        strongest: the expression with the largest score.
        label: the verdict in a few words.
        sentence: the verdict with effect, interval, p, n and test.
    """

    index: int
    name: str
    direction: int
    decided: bool
    points: str
    expressions: int
    accuracy: tuple[float, float]
    strongest: str
    label: str
    sentence: str


def classifier_verdicts(result: AuditResult) -> list[ClassifierVerdict]:
    """Return one verdict for each classifier, the largest loss first; those without a score last."""
    classifiers, sign = names(result.data, "classifier"), loss_sign(result.intervention.axes[0])
    losses = np.array([sign * row.effect.mean for row in result.summary.effects])
    effects = [result.summary.effects[index] for index in np.argsort(-losses, kind="stable")]  # NaN is last
    return [_verdict(result, row, classifiers.index(row.classifier)) for row in effects]


def _verdict(result: AuditResult, row: ClassifierEffect, index: int) -> ClassifierVerdict:
    return ClassifierVerdict(
        index=index,
        name=row.classifier,
        direction=direction(row.effect, result),
        decided=row.effect.has_enough_people,
        points=effect_points(row.effect, result),
        expressions=row.expressions,
        accuracy=(row.accuracy_changed, row.accuracy_unchanged),
        strongest=row.strongest,
        label=label(row, result),
        sentence=sentence(result, row),
    )


def direction(effect: Effect, result: AuditResult) -> int:
    """Return 1 if changed faces get lower answers, -1 if higher ones, 0 if the test finds neither."""
    return loss_sign(result.intervention.axes[0]) * effect.direction


def effect_points(effect: Effect, result: AuditResult) -> str:
    """Return the change of the probability from unchanged to changed faces, in percentage points."""
    return points(-loss_sign(result.intervention.axes[0]) * effect.mean * effect.steps)


def effect_text(effect: Effect, result: AuditResult) -> str:
    """Return score, interval, p and n of an effect, for a sentence."""
    interval = ""
    if np.isfinite(effect.low):
        interval = f"{interval_name(result)} {signed(effect.low)} to {signed(effect.high)}, "
    score = f"{signed(effect.mean)} per {result.config.unit} of {result.intervention.axes[0].name}"
    return (
        f"{score} ({interval}p = {p_value(effect.p_value)} by flipping signs of "
        f"n = {plural(effect.identities, 'person', 'people')})"
    )


def label(row: ClassifierEffect, result: AuditResult) -> str:
    """Return the verdict in a few words."""
    effect, wording = row.effect, result.intervention.wording
    if not effect.is_valid:
        return "not measurable" if row.not_measurable else "no score"
    if not effect.has_enough_people:
        return TOO_FEW
    return {
        1: wording.effect,
        0: f"no effect of {wording.noun} found",
        -1: f"prefers {wording.changed_face} faces",
    }[direction(effect, result)]


def sentence(result: AuditResult, row: ClassifierEffect) -> str:
    """Return one classifier's verdict with effect, interval, p, n, and test."""
    config, effect, wording = result.config, row.effect, result.intervention.wording
    if not effect.is_valid:
        if row.not_measurable:
            return (
                f"{row.classifier} cannot be judged: for each expression, fewer than half of the "
                f"{wording.unchanged_face} faces reach it as the top class with at least "
                f"{percent(config.reached_probability)}."
            )
        return f"{row.classifier} has no score: none of its faces could be examined."
    if not effect.has_enough_people:
        return f"{row.classifier}: {TOO_FEW}. {effect_text(effect, result)}."
    confidence = {
        1: "is less confident on",
        0: "shows no clear change on",
        -1: "is more confident on",
    }[direction(effect, result)]
    return (
        f"{row.classifier} {confidence} {wording.changed_face} faces: {effect_text(effect, result)}, "
        f"{percent(abs(row.share))} of the {percent(row.activation)} that it starts from; "
        f"{row.significant} of {row.faces} single faces are significant ({config.scheme} permutation test, "
        f"{prose.correction(result)}-corrected, α = {config.alpha:g})."
    )


def comparison(result: AuditResult, verdicts: Sequence[ClassifierVerdict]) -> Comparison | None:
    """Return the comparison of the largest with the smallest loss; None where there are no two."""
    valid = [verdict.name for verdict in verdicts if verdict.expressions]
    return result.summary.comparison(valid[0], valid[-1]) if len(valid) > 1 else None


def comparison_sentence(row: Comparison, result: AuditResult) -> str:
    """Return which classifier loses more, by how much, with effect, interval, p and n."""
    wording = result.intervention.wording
    over = f"over the {plural(row.expressions, 'expression')} that both know"
    text = effect_text(row.difference, result)
    sign = loss_sign(result.intervention.axes[0]) * row.direction
    if not row.difference.has_enough_people:
        return f"{capitalized(TOO_FEW)} {row.more} from {row.less}, {over}: within people it is {text}."
    if not sign:
        return f"No difference between {row.more} and {row.less} was found {over}: within people it is {text}."
    more, less = (row.more, row.less) if sign > 0 else (row.less, row.more)
    amount = effect_points(row.difference, result).lstrip("+−")
    return (
        f"{more} loses {amount} points of probability more than {less} from {wording.unchanged_face} to "
        f"{wording.changed_face} faces, {over}: within people the difference of the scores is {text}."
    )


def headline(verdicts: Sequence[ClassifierVerdict], row: Comparison | None, result: AuditResult) -> str:
    """Return the first line of the page.

    Args:
        row: the comparison of the first verdict with the last one.
    """
    wording = result.intervention.wording
    valid = [verdict for verdict in verdicts if verdict.expressions]
    if not valid:
        measured = any(row.not_measurable for row in result.summary.effects)
        return "No classifier is measurable" if measured else "No cell has a score"
    first, last = valid[0], valid[-1]
    if not any(verdict.decided for verdict in valid):
        return f"{capitalized(TOO_FEW)} an effect of {wording.noun} from chance"
    if not any(verdict.direction for verdict in valid):
        subject = first.name if len(valid) == 1 else "these classifiers"
        return f"No effect of {wording.noun} on {subject} was found"
    if len(valid) == 1:
        return f"{first.name} {first.label}"
    sign = loss_sign(result.intervention.axes[0]) * row.direction if row is not None else 0
    has_difference = row is not None and sign and first.name == (row.more if sign > 0 else row.less)
    if not has_difference and all(verdict.direction > 0 for verdict in valid):
        if len(valid) == 2:
            return f"{first.name} {wording.effect}, and so does {last.name}"
        return f"Each of {len(valid)} classifiers {wording.effect}"
    if not has_difference:
        subject = f"{first.name} and {last.name}" if len(valid) == 2 else f"these {len(valid)} classifiers"
        return f"No difference in the effect of {wording.noun} between {subject} was found"
    if len(valid) == 2:
        return f"{first.name} {wording.effect} more than {last.name}"
    return f"Of {len(valid)} classifiers, {first.name} {wording.effect} most, {last.name} least"
