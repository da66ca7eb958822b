"""Effects over people: of a classifier, between two of them, and within groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray
from numpy.typing import ArrayLike

from jaxface.audit.config import AuditConfig
from jaxface.audit.groups import members
from jaxface.audit.plan import statistics_key
from jaxface.audit.summary import (
    CellSummary,
    ClassifierEffect,
    Comparison,
    Effect,
    GroupEffect,
)
from jaxface.stats import holm, mean_test


@dataclass(frozen=True)
class Context:
    """What every effect of a run is computed from.

    Attributes:
        scores: (C, X, N), NaN where a cell is not measurable or a face has no score.
        classifiers: (C,) names.
        steps: from the first dose to the last.
    """

    scores: np.ndarray
    classifiers: Sequence[str]
    config: AuditConfig
    steps: int


def effect_of(values: np.ndarray, config: AuditConfig, steps: int) -> Effect:
    """Return the mean of (N,) scores, one a person, with its interval and test.

    Args:
        steps: from the first dose to the last.
    """
    test = mean_test(values, statistics_key(config.seed), config.permutations, 1 - config.alpha)
    return Effect(
        mean=float(test.mean),
        low=float(test.low),
        high=float(test.high),
        p_value=float(test.p_value),
        identities=int(np.isfinite(values).sum()),
        steps=steps if config.unit == "step" else 1,
    )


def person_means(scores: np.ndarray, expressions: np.ndarray | None = None) -> np.ndarray:
    """Return (C, N) each person's mean score over expressions; NaN where one of them has none.

    Args:
        scores: (C, X, N).
        expressions: (X,) bool, those that count; None = for each classifier those that anybody has a score for.
    """
    if expressions is not None:
        return np.asarray(scores[:, expressions].mean(1))
    has_score = np.isfinite(scores).any(-1)
    rows = zip(scores, has_score, strict=True)
    return np.stack([row[mask].mean(0) if mask.any() else row.mean(0) for row, mask in rows])


def classifier_effects(context: Context, cells: Sequence[CellSummary]) -> tuple[ClassifierEffect, ...]:
    """Return the effect of each classifier, the largest mean first; those without one last."""
    rows = []
    for classifier, values in zip(context.classifiers, person_means(context.scores), strict=True):
        with_score = [cell for cell in cells if cell.classifier == classifier and cell.has_score]
        own = [cell for cell in with_score if cell.measurable]
        effect = effect_of(values, context.config, context.steps)
        activation = finite_mean([cell.activation for cell in own])
        rows.append(
            ClassifierEffect(
                classifier=classifier,
                effect=effect,
                expressions=len(own),
                not_measurable=len(with_score) - len(own),
                significant=sum(cell.significant for cell in own),
                faces=sum(cell.identities for cell in own),
                accuracy_changed=finite_mean([cell.accuracy_changed for cell in own]),
                accuracy_unchanged=finite_mean([cell.accuracy_unchanged for cell in own]),
                activation=activation,
                share=effect.mean * effect.steps / activation if activation else float("nan"),
                strongest=max(own, key=lambda cell: abs(cell.score)).expression if own else "",
            )
        )
    return tuple(sorted(rows, key=lambda row: -np.nan_to_num(row.effect.mean, nan=-np.inf)))


def comparisons(context: Context, effects: Sequence[ClassifierEffect]) -> tuple[Comparison, ...]:
    """Return the difference of every pair of classifiers within people, corrected for the number of pairs."""
    ranking = [row.classifier for row in effects if row.effect.is_valid]
    rows = []
    for position, more in enumerate(ranking):
        for less in ranking[position + 1 :]:
            pair = context.scores[[context.classifiers.index(more), context.classifiers.index(less)]]
            in_both = np.isfinite(pair).any(-1).all(0)
            if in_both.any():
                means = person_means(pair, in_both)
                difference = effect_of(means[0] - means[1], context.config, context.steps)
                rows.append((more, less, difference, int(in_both.sum())))
    if not rows:
        return ()
    adjusted = holm(np.array([difference.p_value for _, _, difference, _ in rows]))
    alpha = context.config.alpha
    return tuple(
        Comparison(*row, float(p_value), row[2].direction if p_value <= alpha else 0)
        for row, p_value in zip(rows, adjusted, strict=True)
    )


def groups(context: Context, data: xarray.Dataset) -> tuple[GroupEffect, ...]:
    """Return the effects within groups of people, and over classifiers of one data set or architecture."""
    means = person_means(context.scores)
    rows = []
    for kind, own in members(data).items():
        for group, mask in own.items():
            for name, values in zip(context.classifiers, means, strict=True):
                effect = effect_of(np.where(mask, values, np.nan), context.config, context.steps)
                rows.append(GroupEffect(kind, group, name, effect))
    facts = data.attrs["classifiers"]
    for kind, key in (("data set", "dataset"), ("architecture", "architecture")):
        of = [str(facts.get(name, {}).get(key, "unknown")) for name in context.classifiers]
        for group in dict.fromkeys(name for name in of if name not in ("unknown", "custom")):
            mask = np.array([name == group for name in of])
            if mask.sum() > 1:
                effect = effect_of(means[mask].mean(0), context.config, context.steps)
                rows.append(GroupEffect(kind, group, "", effect))
    return tuple(row for row in rows if row.effect.is_valid)


def finite_mean(values: ArrayLike) -> float:
    """Return the mean of what is finite; NaN where nothing is."""
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
