"""The verdict on each classifier: is there an effect, how large and how certain is it, in words."""

from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.audit.summary import ClassifierEffect, Effect
from jaxface.report import prose
from jaxface.report.levels import loss_sign
from jaxface.report.tables import interval_name, names
from jaxface.report.text import p_value, percent, plural, points, signed

TOO_FEW = "too few people to tell"


@dataclass(frozen=True)
class ClassifierVerdict:
    """One classifier's effect in words.

    Attributes:
        index: the classifier's position in the run.
        direction: 1 for a loss from unchanged to changed faces, -1 for a gain, 0 for neither.
        decided: whether there are enough people, and a measurable expression.
        points: change of the probability from unchanged to changed faces, percentage points, mean over the
            movement from neutral to the full expression.
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
        f"{score} ({interval}p = {p_value(effect.p_value)}, "
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
        return f"{row.classifier}: {TOO_FEW}. Score {effect_text(effect, result)}."
    confidence = {
        1: "is less confident on",
        0: "shows no clear change on",
        -1: "is more confident on",
    }[direction(effect, result)]
    return (
        f"{row.classifier} {confidence} {wording.changed_face} faces: score {effect_text(effect, result)}, "
        f"over the movement from neutral {percent(abs(row.share))} of the {percent(row.activation)} that it "
        "starts from; "
        f"{row.significant} of {row.faces} single faces are significant ({config.scheme} permutation test, "
        f"{prose.correction(result)}-corrected, α = {config.alpha:g})."
    )
