"""The answers of a run to the full expression, and their changes from the unchanged face."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import CellStatus
from jaxface.audit.plan import statistics_key
from jaxface.audit.result import AuditResult
from jaxface.audit.summary import Effect
from jaxface.interventions import Axis
from jaxface.stats import mean_test

ALL = "all"
"""In place of an expression: each person's mean over the measurable ones."""


class Effects:
    """Effects of (C, X, N, L) changes over people: `effects[classifier, expression, level]`."""

    def __init__(self, change: np.ndarray, config: AuditConfig) -> None:
        values = np.moveaxis(change, 2, -1)
        self._test = mean_test(values, statistics_key(config.seed), config.permutations, 1 - config.alpha)
        self._count = np.isfinite(values).sum(-1)

    def __getitem__(self, where: tuple[int, int, int]) -> Effect:
        mean, low, high, p_value = (float(values[where]) for values in self._test)
        return Effect(mean, low, high, p_value, identities=int(self._count[where]), steps=1)


@dataclass(frozen=True)
class Answers:
    """The answers of one run to the full expression.

    Attributes:
        expressions: those of the run, then `ALL`.
        probability: (C, X + 1, N, L) of the target; NaN where it is not measurable.
        flips: (C, X + 1, N, L) whether another class is the top one, of people whom the target was reached
            for; else NaN. Of `ALL`, the share of expressions.
        unchanged_index: position of the unchanged level.
    """

    classifiers: tuple[str, ...]
    expressions: tuple[str, ...]
    axis: Axis
    probability: np.ndarray
    flips: np.ndarray
    unchanged_index: int
    config: AuditConfig

    @classmethod
    def of(cls, result: AuditResult) -> "Answers":
        """Return the answers of a run."""
        record, data = result.intervention, result.data
        dose, time = record.axes
        full = data[["probability", "top_class", "status"]].isel({time.name: -1})
        order = ("classifier", "expression", "identity", dose.name)
        classifiers, expressions, answers = (
            tuple(str(name) for name in data[key].values) for key in ("classifier", "expression", "answer")
        )
        targets = np.array([answers.index(name) for name in expressions])[:, None, None]
        is_done = (full["status"].transpose(*order[:3]).values == CellStatus.DONE)[..., None]
        measurable = np.array(
            [[result.summary.cell(row, column).measurable for column in expressions] for row in classifiers]
        )
        valid = is_done & measurable[..., None, None]
        probability = np.where(valid, full["probability"].transpose(*order).values, np.nan).astype(np.float64)
        is_target = full["top_class"].transpose(*order).values == targets
        unchanged_index = record.unchanged_dose
        is_reached = is_target[..., unchanged_index] & (
            probability[..., unchanged_index] >= result.config.reached_probability
        )
        flips = np.where(is_reached[..., None] & valid, ~is_target, np.nan)
        return cls(
            classifiers,
            (*expressions, ALL),
            dose,
            _with_mean(probability, measurable, skip_missing=False),
            _with_mean(flips, measurable, skip_missing=True),
            unchanged_index,
            result.config,
        )

    @property
    def change(self) -> np.ndarray:
        """(C, X + 1, N, L) probability minus that of the unchanged face."""
        return self.probability - self.probability[..., [self.unchanged_index]]

    @cached_property
    def effects(self) -> Effects:
        """The change at each level, over people."""
        return Effects(self.change, self.config)

    @property
    def ends(self) -> tuple[int, ...]:
        """Positions of the first and the last level, without the unchanged one."""
        return tuple(index for index in (0, len(self.axis.levels) - 1) if index != self.unchanged_index)


def _with_mean(values: np.ndarray, measurable: np.ndarray, skip_missing: bool) -> np.ndarray:
    """Append the mean over the measurable expressions to (C, X, N, L) values."""
    means = []
    for row, mask in zip(values, measurable, strict=True):
        own = row[mask]
        if not len(own):
            means.append(np.full(row.shape[1:], np.nan))
        elif skip_missing:
            means.append(finite_mean(np.moveaxis(own, 0, -2)))
        else:
            means.append(own.mean(0))
    return np.concatenate([values, np.stack(means)[:, None]], axis=1)


def finite_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis but one of what is finite; NaN where nothing is."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0.0).sum(-2)
    return np.where(finite.any(-2), total / np.maximum(finite.sum(-2), 1), np.nan)
