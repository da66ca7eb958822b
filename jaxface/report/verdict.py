"""The verdict: who leans on symmetry, by how much, how sure, and by which test; in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from jaxface.audit.plan import statistics_key
from jaxface.audit.result import AuditResult
from jaxface.report.tables import ScoreRow, mean, names
from jaxface.report.text import p_value, plural, points, signed
from jaxface.stats import mean_interval, sign_flip_test


@dataclass(frozen=True)
class Effect:
    """A mean over people with its interval, and how sure it is that it is not zero.

    Attributes:
        mean, low, high: in the run's score; 95 % BCa bootstrap over people.
        p: two-sided, signs flipped over people.
        people: how many.
        steps: what a score is to be multiplied by for the whole range of symmetry.
    """

    mean: float
    low: float
    high: float
    p: float
    people: int
    steps: int

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.mean))

    @property
    def direction(self) -> int:
        """1 or -1 where the interval (the mean, if there is none) leaves zero out, else 0."""
        low, high = (self.low, self.high) if np.isfinite(self.low) else (self.mean, self.mean)
        return int(low > 0) - int(high < 0)

    @property
    def points(self) -> str:
        """Percentage points lost from the untouched to the frozen face."""
        return points(self.mean * self.steps)

    @property
    def figures(self) -> str:
        """The figures of a sentence: score, interval, p, n and the test."""
        interval = f"95 % interval {signed(self.low)} to {signed(self.high)}, " if np.isfinite(self.low) else ""
        per = "step" if self.steps > 1 else "unit"
        return (
            f"{signed(self.mean)} per {per} of symmetry ({interval}"
            f"p = {p_value(self.p)} by flipping signs of n = {plural(self.people, 'person', 'people')})"
        )


@dataclass(frozen=True)
class ClassifierSummary:
    """What is to be said of one classifier.

    Attributes:
        index: its position in the run.
        effect: over people, of each person's mean score over the expressions that the classifier knows.
        expressions: how many it knows.
        significant, faces: single faces that are significant by themselves, out of how many.
        first: share of faces at full expression where the target is the first answer: side frozen, whole.
        strongest: the expression with the largest score.
        sentence: all that, in one.
    """

    index: int
    name: str
    effect: Effect
    expressions: int
    significant: int
    faces: int
    first: tuple[float, float]
    strongest: str
    sentence: str

    @property
    def word(self) -> str:
        """The verdict in a few words."""
        if not self.effect.known:
            return "no score"
        return LABELS[self.effect.direction]


LABELS = {1: "leans on symmetry", 0: "no dependence on symmetry found", -1: "prefers asymmetric faces"}


def classifier_summaries(result: AuditResult, rows: list[ScoreRow]) -> list[ClassifierSummary]:
    """One for each classifier, the largest effect first; those without a score last."""
    found = []
    for index, name in enumerate(names(result.data, "classifier")):
        own = [row for row in rows if row.classifier == name and row.known]
        effect = effect_of(result, person_means(result)[index])
        significant, faces = sum(row.significant for row in own), sum(row.known for row in own)
        first = (
            mean(np.array([row.accuracy[0] for row in own])),
            mean(np.array([row.accuracy[-1] for row in own])),
        )
        strongest = max(own, key=lambda row: abs(row.score)).expression if own else ""
        verdict = partial(
            ClassifierSummary, index, name, effect, len(own), significant, faces, first, strongest
        )
        found.append(verdict(sentence(result, verdict(sentence=""))))
    return sorted(found, key=lambda verdict: -np.nan_to_num(verdict.effect.mean, nan=-np.inf))


def sentence(result: AuditResult, verdict: ClassifierSummary) -> str:
    """One classifier's verdict with effect, interval, p, n, and which test."""
    config, effect = result.config, verdict.effect
    if not effect.known:
        return f"{verdict.name} has no score: none of its faces could be examined."
    does = {
        1: f"answers less surely when the {config.side} side is frozen",
        0: f"shows no sure change when the {config.side} side is frozen",
        -1: f"answers more surely when the {config.side} side is frozen",
    }[effect.direction]
    correction = "Holm" if config.correction == "holm" else "Benjamini-Hochberg"
    return (
        f"{verdict.name} {does}: {effect.figures}; {verdict.significant} of {verdict.faces} faces are "
        f"significant by themselves ({config.scheme} permutation test, {correction}-corrected, "
        f"α = {config.alpha:g})."
    )


def person_means(result: AuditResult, expressions: np.ndarray | None = None) -> np.ndarray:
    """(C, N) each person's mean score over expressions that were asked for; NaN where one is unknown.

    Args:
        expressions: (X,) bool, those that count; None = for each classifier those that it knows of anybody.
    """
    scores = result.scores.transpose("classifier", "expression", "identity").values
    if expressions is not None:
        return np.asarray(scores[:, expressions].mean(1))
    known = np.isfinite(scores).any(-1)
    means = [own[some].mean(0) if some.any() else own.mean(0) for own, some in zip(scores, known, strict=True)]
    return np.stack(means)


def effect_of(result: AuditResult, values: np.ndarray) -> Effect:
    """The effect of (N,) scores, one a person."""
    key = statistics_key(result.config.seed)
    interval = mean_interval(values, key)
    p = float(sign_flip_test(values, key, result.config.permutations))
    steps = result.config.symmetry_steps - 1 if result.config.unit == "step" else 1
    known = int(np.isfinite(values).sum())
    return Effect(mean(values), float(interval.low), float(interval.high), p, known, steps)


@dataclass(frozen=True)
class Comparison:
    """Two classifiers before the same people.

    Attributes:
        difference: of the first one's mean score from the second one's, person by person, over the
            expressions that both know.
    """

    more: str
    less: str
    difference: Effect
    expressions: int

    @property
    def sentence(self) -> str:
        """Who leans more on symmetry, by how much, how sure."""
        over = f"over the {plural(self.expressions, 'expression')} that both know"
        if self.difference.direction:
            ends = (self.more, self.less) if self.difference.direction > 0 else (self.less, self.more)
            points = self.difference.points.lstrip("+−")
            return (
                f"{ends[0]} loses {points} points of probability more than {ends[1]} when one side of the face "
                f"freezes, {over}: the score's difference within people is {self.difference.figures}."
            )
        return (
            f"{self.more} and {self.less} cannot be told apart, {over}: the difference within people is "
            f"{self.difference.figures}."
        )


def comparison(result: AuditResult, more: str, less: str) -> Comparison | None:
    """Two of a run's classifiers, or None where they share no expression."""
    known = names(result.data, "classifier")
    pair = [known.index(more), known.index(less)]
    scores = result.scores.transpose("classifier", "expression", "identity").values
    shared = np.isfinite(scores[pair]).any(-1).all(0)
    if not shared.any():
        return None
    means = person_means(result, shared)[pair]
    return Comparison(more, less, effect_of(result, means[0] - means[1]), int(shared.sum()))


def headline(ordered: list[ClassifierSummary], compared: Comparison | None) -> str:
    """The page's first line."""
    known = [verdict for verdict in ordered if verdict.effect.known]
    if not known:
        return "No cell has a score"
    first, last = known[0], known[-1]
    if len(known) == 1 or not any(verdict.effect.direction for verdict in known):
        whose = first.name if len(known) == 1 else "these classifiers"
        if first.effect.direction == 0:
            return f"No dependence of {whose} on facial symmetry was found"
        return f"{whose} {first.word.replace('symmetry', 'facial symmetry')}"
    sure = compared is not None and compared.difference.direction > 0
    if not sure:
        both = f"{first.name} and {last.name}" if len(known) == 2 else f"These {len(known)} classifiers"
        return f"{both} lean on facial symmetry alike"
    if len(known) == 2:
        return f"{first.name} leans on facial symmetry more than {last.name}"
    return f"Of {len(known)} classifiers, {first.name} leans on facial symmetry most, {last.name} least"
