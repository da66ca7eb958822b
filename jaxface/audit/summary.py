"""The summary of a run: every number that the report, the CSV files, the gate and the terminal show.

It is computed once (`audit.summarizing`), kept as `summary.json`, and loaded with the run. Its tables are
tuples of rows; `pandas.DataFrame(summary.cells)` makes a data frame of one.
"""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class CellSummary(NamedTuple):
    """One classifier and expression, over people. Intervals are those of `stats.mean_test` at the run's alpha.

    Attributes:
        identities: people who have a score; all other numbers describe these.
        score, low, high: mean score (Eq. 7 of Facing Asymmetry), its interval; NaN with too few people.
        estimator: of the score, such as "gradient per step".
        population_p: of the mean score, by flips of people's signs.
        significant, ratio: people whose adjusted p-value is at most alpha; their share.
        activation, activation_low, activation_high: mean probability of the unchanged face at its peak.
        activation_deviation: its standard deviation over people.
        reached: people whose unchanged face has the target as its top class, as probable as the config asks.
        measurable: whether these are at least half; the score of another cell counts in no verdict.
        share: the change of the probability over all doses, as a share of `activation`.
        accuracy_changed, accuracy_unchanged: share of people whose top class is the target at full expression,
            on the most changed face and on the unchanged one.
        flipped: share of the people reached whose top class changes at some dose, at full expression.
        flip_dose: the median over people of the dose where it first does; NaN where fewer than half do.
        mean_probability: over surfaces and people.
        status: the commonest `CellStatus` of the cell's people; says why a cell without a score has none.
        failures: people without a score, for another reason than a missing label.
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
    reached: int
    measurable: bool
    share: float
    accuracy_changed: float
    accuracy_unchanged: float
    flipped: float
    flip_dose: float
    mean_probability: float
    status: int
    failures: int

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
        accuracy, low, high: share of people, with its Clopper-Pearson interval.
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


class DoseAnswer(NamedTuple):
    """The answers at full expression, at one level of the intervention, over people.

    Attributes:
        dose: the level.
        probability, low, high: mean of the target's, with its interval.
        accuracy: share of people whose top class is the target.
    """

    classifier: str
    expression: str
    dose: float
    probability: float
    low: float
    high: float
    accuracy: float


class Effect(NamedTuple):
    """A mean over people, its interval, and a test against zero (`stats.mean_test`).

    Attributes:
        mean, low, high: in the unit of the run's score; NaN limits where people are too few to tell.
        p_value: two-sided, by flips of people's signs; at most alpha where the interval leaves zero out.
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
    def has_enough_people(self) -> bool:
        """Whether there are enough people for any effect to be significant."""
        return bool(np.isfinite(self.low))

    @property
    def direction(self) -> int:
        """1 or -1 where the mean differs from zero, else 0."""
        return int(self.low > 0) - int(self.high < 0)


class ClassifierEffect(NamedTuple):
    """One classifier over all expressions that are measurable for it.

    Attributes:
        effect: of each person's mean score over these expressions.
        expressions: how many these are.
        not_measurable: how many expressions have scores that do not count.
        significant: cells of single faces that are significant, out of `faces`.
        accuracy_changed, accuracy_unchanged: mean over expressions of the accuracy at the probe level farthest
            from the unchanged face, and on the unchanged face.
        activation: mean over expressions of the probability on the unchanged face.
        share: the effect over all doses, as a share of it.
        strongest: the expression with the largest absolute score; empty where none has a score.
    """

    classifier: str
    effect: Effect
    expressions: int
    not_measurable: int
    significant: int
    faces: int
    accuracy_changed: float
    accuracy_unchanged: float
    activation: float
    share: float
    strongest: str


class Comparison(NamedTuple):
    """Two classifiers before the same people.

    Attributes:
        more, less: names; the mean effect of `more` is the larger one.
        difference: of each person's mean scores, `more` minus `less`, over the expressions measurable for both.
        expressions: how many these are.
        adjusted_p: its p-value, corrected (Holm) for all pairs of the run's classifiers.
        direction: 1 or -1 where it differs from zero after the correction, else 0.
    """

    more: str
    less: str
    difference: Effect
    expressions: int
    adjusted_p: float
    direction: int


class GroupEffect(NamedTuple):
    """The effect within a group of people, or over a group of classifiers.

    Attributes:
        kind: what the group has in common: of people "sex", "skin_tone", "age" or "group" (from a file); of
            classifiers "data set" or "architecture".
        group: such as "female", or the data set's name.
        classifier: whose effect it is; empty for a group of classifiers.
        effect: mean over the group's people; for classifiers, of each person's mean over them.
    """

    kind: str
    group: str
    classifier: str
    effect: Effect


@dataclass(frozen=True)
class Summary:
    """All numbers of a run that are shown anywhere.

    Attributes:
        cells: classifier by classifier, expression by expression.
        schemes: the same, with every permutation scheme in turn.
        accuracies: the same, with every probe level in turn.
        doses: the same, with every dose in turn.
        cross_predictions: by classifier, evaluator and expression.
        effects: the largest mean first; classifiers without a score last.
        comparisons: every pair of classifiers that share an expression, in the order of `effects`.
        groups: effects within groups of people, and over groups of classifiers.
    """

    cells: tuple[CellSummary, ...]
    schemes: tuple[SchemeSummary, ...]
    accuracies: tuple[ProbeAccuracy, ...]
    doses: tuple[DoseAnswer, ...]
    cross_predictions: tuple[CrossPrediction, ...]
    effects: tuple[ClassifierEffect, ...]
    comparisons: tuple[Comparison, ...]
    groups: tuple[GroupEffect, ...]

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

    def to_json(self) -> str:
        """Return every table as a list of rows; numbers that are not finite become null."""
        tables = {name: [_to_plain(row) for row in getattr(self, name)] for name in _TABLES}
        return json.dumps(tables, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """Return the summary that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        tables = json.loads(text)
        return cls(
            **{name: tuple(_from_plain(kind, row) for row in tables[name]) for name, kind in _TABLES.items()}
        )


_TABLES: dict[str, type] = {
    "cells": CellSummary,
    "schemes": SchemeSummary,
    "accuracies": ProbeAccuracy,
    "doses": DoseAnswer,
    "cross_predictions": CrossPrediction,
    "effects": ClassifierEffect,
    "comparisons": Comparison,
    "groups": GroupEffect,
}


def _to_plain(row: Any) -> dict[str, Any]:
    plain = {
        name: _to_plain(value) if isinstance(value, Effect) else value for name, value in row._asdict().items()
    }
    return {name: None if isinstance(v, float) and not np.isfinite(v) else v for name, v in plain.items()}


def _from_plain(kind: type, plain: dict[str, Any]) -> Any:
    def value(field: str, field_type: type) -> Any:
        if field_type is Effect:
            return _from_plain(Effect, plain[field])
        return float("nan") if plain[field] is None else field_type(plain[field])

    return kind(**{name: value(name, field_type) for name, field_type in typing.get_type_hints(kind).items()})
