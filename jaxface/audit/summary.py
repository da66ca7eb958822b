"""The summary of a run: every number that the report, the CSV files, the gate and the terminal show.

It is computed once (`audit.statistics`), kept in the store, and loaded with the run. Its tables are tuples of
rows; `pandas.DataFrame(summary.cells)` makes a data frame of one.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class CellSummary(NamedTuple):
    """One classifier and expression, over people. Intervals are 95 % BCa bootstraps over people.

    Attributes:
        identities: people who have a score; all other numbers describe these.
        score, low, high: mean score (Eq. 7 of Facing Asymmetry) and its interval.
        estimator: of the score, such as "gradient per step".
        population_p: two-sided, by flipping the signs of people's scores.
        significant, ratio: people whose adjusted p-value is at most alpha; their share.
        activation, activation_low, activation_high: mean probability of the unchanged face at full expression.
        activation_deviation: its standard deviation over people.
        mean_probability: over surfaces and people.
        status: the commonest `CellStatus` of the cell's people; says why a cell without a score has none.
    """

    classifier: str
    expression: str
    identities: int
    score: float
    low: float
    high: float
    estimator: str
    population_p: float
    significant: int
    ratio: float
    activation: float
    activation_low: float
    activation_high: float
    activation_deviation: float
    mean_probability: float
    status: int

    @property
    def has_score(self) -> bool:
        """Whether anyone has a score."""
        return self.identities > 0


class SchemeSummary(NamedTuple):
    """One classifier and expression under one permutation scheme.

    Attributes:
        significant: people who are, after the run's correction.
        median_p: over people, before it.
    """

    classifier: str
    expression: str
    scheme: str
    significant: int
    median_p: float


class ProbeAccuracy(NamedTuple):
    """How often the target is the top class at full expression, at one level of the intervention.

    Attributes:
        probe: the level.
        accuracy, low, high: share of people, with its 95 % BCa interval.
    """

    classifier: str
    expression: str
    probe: float
    accuracy: float
    low: float
    high: float


class CrossPrediction(NamedTuple):
    """What one classifier answers for the unchanged faces that were searched for another.

    Attributes:
        classifier: the one that was searched; `evaluator` answers.
        probability: mean over people, of the target.
        accuracy: share of people whose top class is the target.
    """

    classifier: str
    evaluator: str
    expression: str
    probability: float
    accuracy: float


class Effect(NamedTuple):
    """A mean over people, its interval, and a test against zero.

    Attributes:
        mean, low, high: in the unit of the run's score; 95 % BCa bootstrap over people.
        p_value: two-sided, by flipping signs over people.
        identities: people with a value.
        steps: multiply a score by this for its change over all doses.
    """

    mean: float
    low: float
    high: float
    p_value: float
    identities: int
    steps: int

    @property
    def is_valid(self) -> bool:
        """Whether anyone has a value."""
        return bool(np.isfinite(self.mean))

    @property
    def direction(self) -> int:
        """1 or -1 where the interval (or the mean, if there is none) leaves zero out, else 0."""
        low, high = (self.low, self.high) if np.isfinite(self.low) else (self.mean, self.mean)
        return int(low > 0) - int(high < 0)


class ClassifierEffect(NamedTuple):
    """One classifier over all its expressions.

    Attributes:
        effect: of each person's mean score over the expressions that have a score.
        expressions: how many these are.
        significant: cells of single faces that are significant, out of `faces`.
        accuracy_changed, accuracy_unchanged: mean over expressions of the accuracy at the probe level farthest
            from the unchanged face, and on the unchanged face.
        strongest: the expression with the largest absolute score; empty where none has a score.
    """

    classifier: str
    effect: Effect
    expressions: int
    significant: int
    faces: int
    accuracy_changed: float
    accuracy_unchanged: float
    strongest: str


class Comparison(NamedTuple):
    """Two classifiers before the same people.

    Attributes:
        more, less: names; the mean effect of `more` is the larger one.
        difference: of each person's mean scores, `more` minus `less`, over the expressions that both have.
        expressions: how many these are.
    """

    more: str
    less: str
    difference: Effect
    expressions: int


@dataclass(frozen=True)
class Summary:
    """All numbers of a run that are shown anywhere.

    Attributes:
        cells: classifier by classifier, expression by expression.
        schemes: the same, with every permutation scheme in turn.
        accuracies: the same, with every probe level in turn.
        cross_predictions: by classifier, evaluator and expression.
        effects: the largest mean first; classifiers without a score last.
        comparisons: every pair of classifiers that share an expression, in the order of `effects`.
    """

    cells: tuple[CellSummary, ...]
    schemes: tuple[SchemeSummary, ...]
    accuracies: tuple[ProbeAccuracy, ...]
    cross_predictions: tuple[CrossPrediction, ...]
    effects: tuple[ClassifierEffect, ...]
    comparisons: tuple[Comparison, ...]

    def cell(self, classifier: str, expression: str) -> CellSummary:
        """Return the row of one classifier and expression.

        Raises:
            KeyError: the run has no such cell.
        """
        for row in self.cells:
            if (row.classifier, row.expression) == (classifier, expression):
                return row
        raise KeyError((classifier, expression))

    def schemes_of(self, classifier: str, expression: str) -> tuple[SchemeSummary, ...]:
        """Return the rows of one classifier and expression, scheme by scheme."""
        return tuple(r for r in self.schemes if (r.classifier, r.expression) == (classifier, expression))

    def accuracies_of(self, classifier: str, expression: str) -> tuple[ProbeAccuracy, ...]:
        """Return the rows of one classifier and expression, probe level by probe level."""
        return tuple(r for r in self.accuracies if (r.classifier, r.expression) == (classifier, expression))

    def effect(self, classifier: str) -> ClassifierEffect:
        """Return the row of one classifier.

        Raises:
            KeyError: the run has no such classifier.
        """
        for row in self.effects:
            if row.classifier == classifier:
                return row
        raise KeyError(classifier)

    def comparison(self, first: str, second: str) -> Comparison | None:
        """Return the row of two classifiers, in either order; None where they share no expression."""
        for row in self.comparisons:
            if {row.more, row.less} == {first, second}:
                return row
        return None

    def to_columns(self) -> dict[str, dict[str, np.ndarray]]:
        """Return every table as named columns, for the store."""
        return {name: columns(row_type, getattr(self, name)) for name, row_type in _TABLES.items()}

    @classmethod
    def from_columns(cls, tables: Mapping[str, Mapping[str, np.ndarray]]) -> Summary:
        """Return the summary that `to_columns` wrote.

        Raises:
            KeyError: a table or a column is missing.
        """
        return cls(**{name: _rows(row_type, tables[name]) for name, row_type in _TABLES.items()})


_TABLES: dict[str, type] = {
    "cells": CellSummary,
    "schemes": SchemeSummary,
    "accuracies": ProbeAccuracy,
    "cross_predictions": CrossPrediction,
    "effects": ClassifierEffect,
    "comparisons": Comparison,
}
_DTYPES: dict[type, Any] = {str: np.dtypes.StringDType(), int: np.int64, float: np.float64}


def columns(row_type: type, rows: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return the fields of rows as columns; those of a nested `Effect` as "effect_mean" and so on."""
    return {
        "_".join(path): np.array([_field(row, path) for row in rows], _DTYPES[kind])
        for path, kind in _leaves(row_type)
    }


def _rows(row_type: type, table: Mapping[str, np.ndarray]) -> tuple[Any, ...]:
    leaves = [(path, kind, table["_".join(path)]) for path, kind in _leaves(row_type)]
    count = len(leaves[0][2])
    return tuple(
        _build(row_type, {path: kind(values[index]) for path, kind, values in leaves}) for index in range(count)
    )


def _leaves(row_type: type, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type]]:
    """Yield the path and the type of every number and text of a row."""
    for name, kind in typing.get_type_hints(row_type).items():
        if kind in _DTYPES:
            yield (*prefix, name), kind
        else:
            yield from _leaves(kind, (*prefix, name))


def _field(row: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        row = getattr(row, name)
    return row


def _build(row_type: type, leaves: Mapping[tuple[str, ...], Any], prefix: tuple[str, ...] = ()) -> Any:
    fields = {
        name: leaves[(*prefix, name)] if kind in _DTYPES else _build(kind, leaves, (*prefix, name))
        for name, kind in typing.get_type_hints(row_type).items()
    }
    return row_type(**fields)
