"""What is lost at the full expression: the first thing that a card of the report says."""

import itertools
from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.audit.effects import finite_mean
from jaxface.audit.full_expression import ALL, Answers, Effects
from jaxface.audit.summary import Effect
from jaxface.report.search_notes import search_note
from jaxface.stats import holm


@dataclass(frozen=True)
class ExpressionLoss:
    """One classifier and expression at its full strength, over people.

    Attributes:
        expression: or `ALL`, the mean over the measurable ones.
        unchanged, changed: probability on unchanged and on changed faces.
        change: from unchanged to changed faces, within people.
        recognised: share of people whose top class is the expression, on unchanged and on changed faces.
        typical: position of the person whose change is nearest to the mean.
        note: why to trust it less; empty where there is no reason.
    """

    expression: str
    unchanged: float
    changed: float
    change: Effect
    recognised: tuple[float, float]
    typical: int
    note: str

    @property
    def name(self) -> str:
        """The expression, for readers."""
        return "mean" if self.expression == ALL else self.expression


@dataclass(frozen=True)
class ClassifierLosses:
    """One classifier at the full expression.

    Attributes:
        expressions: the measurable ones, in the order of the run.
        mean: over them; None where there is none.
    """

    expressions: tuple[ExpressionLoss, ...]
    mean: ExpressionLoss | None

    @property
    def rows(self) -> tuple[ExpressionLoss, ...]:
        """The rows of a card: each expression, and their mean where there are several."""
        more = (self.mean,) if self.mean is not None and len(self.expressions) > 1 else ()
        return (*self.expressions, *more)

    @property
    def strongest(self) -> ExpressionLoss | None:
        """The expression that changes most."""
        return max(self.expressions, key=lambda row: abs(row.change.mean), default=None)


def classifier_losses(result: AuditResult) -> dict[str, ClassifierLosses]:
    """Return what each classifier loses at the full expression, by its name."""
    answers, level = Answers.of(result), result.intervention.most_changed_dose
    change = answers.change[..., [level]]
    effects = Effects(change, result.config)
    losses = {}
    for row, classifier in enumerate(answers.classifiers):
        each = [
            _loss(result, answers, effects[row, column, 0], (row, column), level)
            for column in range(len(answers.expressions))
            if np.isfinite(change[row, column]).any()
        ]
        expressions = tuple(one for one in each if one.expression != ALL)
        mean = next((one for one in each if one.expression == ALL), None)
        losses[classifier] = ClassifierLosses(expressions, mean)
    return losses


def _loss(
    result: AuditResult, answers: Answers, change: Effect, where: tuple[int, int], level: int
) -> ExpressionLoss:
    own = answers.probability[where]  # (N, L)
    own = own[np.isfinite(own).all(-1)].mean(0)
    changes = answers.change[where][:, level]
    classifier, expression = answers.classifiers[where[0]], answers.expressions[where[1]]
    unchanged = float(own[answers.unchanged_index])
    return ExpressionLoss(
        expression=expression,
        unchanged=unchanged,
        changed=float(own[level]),
        # A probability cannot fall below 0 or rise above 1, whatever a few skewed values let the interval say.
        change=change._replace(
            low=np.maximum(change.low, -unchanged), high=np.minimum(change.high, 1 - unchanged)
        ),
        recognised=_recognised(result, classifier, expression),
        typical=int(np.nanargmin(np.abs(changes - change.mean))),
        note="" if expression == ALL else search_note(result, classifier, expression),
    )


def _recognised(result: AuditResult, classifier: str, expression: str) -> tuple[float, float]:
    cells = [
        cell
        for cell in result.summary.cells
        if cell.classifier == classifier and cell.measurable and expression in (ALL, cell.expression)
    ]
    return (
        finite_mean([cell.accuracy_unchanged for cell in cells]),
        finite_mean([cell.accuracy_changed for cell in cells]),
    )


@dataclass(frozen=True)
class LossComparison:
    """Two classifiers at the full expression, before the same people.

    Attributes:
        more, less: names; `more` changes more, on average.
        difference: of their changes, `more` minus `less`, mean over the expressions measurable for both.
        adjusted_p: its p-value, corrected (Holm) for all pairs of the run's classifiers.
    """

    more: str
    less: str
    difference: Effect
    expressions: int
    adjusted_p: float


def extremes(result: AuditResult) -> LossComparison | None:
    """Return the comparison of the classifiers that lose most and least; None where there are no two."""
    answers, level = Answers.of(result), result.intervention.most_changed_dose
    change = answers.change[:, :-1, :, level]  # (C, X, N), negative where something is lost
    measurable = np.isfinite(change).any(-1)
    pairs = []
    for one, other in itertools.combinations(range(len(answers.classifiers)), 2):
        both = measurable[one] & measurable[other]
        if both.any():
            pairs.append((one, other, change[one, both].mean(0) - change[other, both].mean(0), int(both.sum())))
    if not pairs:
        return None
    effects = Effects(np.stack([values for _, _, values, _ in pairs])[:, None, :, None], result.config)
    adjusted = holm(np.array([effects[index, 0, 0].p_value for index in range(len(pairs))]))
    means = [finite_mean(change[row][measurable[row]]) for row in range(len(answers.classifiers))]
    order = [row for row in np.argsort(means) if np.isfinite(means[row])]
    for index, (one, other, _, expressions) in enumerate(pairs):
        if {one, other} == {order[0], order[-1]}:
            effect = effects[index, 0, 0]
            if effect.mean > 0:
                one, other = other, one
                effect = effect._replace(mean=-effect.mean, low=-effect.high, high=-effect.low)
            names = answers.classifiers[one], answers.classifiers[other]
            return LossComparison(*names, effect, expressions, float(adjusted[index]))
    return None
