"""Effects of several interventions on the same people: what a survey says, from the answers of its runs.

All numbers are of the full expression, as changes of the target's probability from the unchanged level, within
people. `docs/interventions.md` explains them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxface.audit.designs import Cross
from jaxface.audit.full_expression import ALL, Answers, Effects, finite_mean
from jaxface.audit.plan import statistics_key
from jaxface.audit.summary import Effect
from jaxface.stats import holm, mean_test

FLOOR = "null"
"""The intervention whose changes must not matter."""


class LevelEffect(NamedTuple):
    """The change at one level.

    Attributes:
        level: of the intervention's dose.
        effect: probability at the level minus that of the unchanged face, mean over people.
        flip_share: share of the people whom the target was reached for, whose top class is another there.
    """

    intervention: str
    classifier: str
    expression: str
    level: float
    effect: Effect
    flip_share: float


class InterventionEffect(NamedTuple):
    """The change at the end of the levels where it is larger.

    Attributes:
        end: words for this end, such as "oldest".
        level, effect, flip_share: as of `LevelEffect`.
        adjusted_p: of the effect, corrected (Holm) for all interventions, ends and expressions of a classifier.
        size: mean over people of the change without its sign.
        times_floor: `size` as a multiple of that of the null intervention; NaN without one.
        trend: how the mean answer goes along the levels: "rises", "falls", "peaks", "dips", "varies" or "flat";
            only steps that a test over people finds count.
    """

    intervention: str
    classifier: str
    expression: str
    end: str
    level: float
    effect: Effect
    adjusted_p: float
    flip_share: float
    size: float
    times_floor: float
    trend: str


class Interaction(NamedTuple):
    """How the effect of one intervention depends on another.

    Attributes:
        first: the one whose effect it is, at the end where it is larger while the second is unchanged.
        second, level: what is held, and where.
        base_effect, held_effect: effect of `first` with `second` unchanged, and at the level.
        contrast: `held_effect` minus `base_effect`, within people.
        main: effect of `second` itself at the level, mean over the levels of `first`.
        adjusted_p: of the contrast, corrected (Holm) for all levels and expressions of a classifier.
    """

    first: str
    second: str
    level: float
    classifier: str
    expression: str
    base_effect: Effect
    held_effect: Effect
    contrast: Effect
    main: Effect
    adjusted_p: float


def level_effects(answers: Mapping[str, Answers]) -> tuple[LevelEffect, ...]:
    """Return the change at every level but the unchanged one, of every intervention, by its name."""
    rows = []
    for name, one in answers.items():
        flip_shares = finite_mean(one.flips)
        for row, column, classifier, expression in _labels(one):
            rows += [
                LevelEffect(
                    name,
                    classifier,
                    expression,
                    float(level),
                    one.effects[row, column, index],
                    float(flip_shares[row, column, index]),
                )
                for index, level in enumerate(one.axis.levels)
                if index != one.unchanged_index
            ]
    return tuple(rows)


def intervention_effects(answers: Mapping[str, Answers]) -> tuple[InterventionEffect, ...]:
    """Return the effect of every intervention, by its name, on every classifier and expression."""
    floor = _sizes(answers[FLOOR]) if FLOOR in answers else None
    rows, adjusted_p = [], _adjusted_ends(answers)
    for name, one in answers.items():
        sizes, flip_shares, trends = _sizes(one), finite_mean(one.flips), _trends(one)
        for row, column, classifier, expression in _labels(one):
            index = _far_end(one, row, column)
            level = one.axis.levels[index]
            size = float(sizes[row, column, index])
            lowest = np.nan if floor is None else floor[row, column].max()
            rows.append(
                InterventionEffect(
                    name,
                    classifier,
                    expression,
                    one.axis.ends[0 if index == 0 else 1],
                    float(level),
                    one.effects[row, column, index],
                    adjusted_p[name, row, column, index],
                    float(flip_shares[row, column, index]),
                    size,
                    float(size / lowest) if lowest > 0 else float("nan"),
                    trends[row][column],
                )
            )
    return tuple(rows)


def interactions(crosses: Sequence[Cross], answers: Mapping[str, Answers]) -> tuple[Interaction, ...]:
    """Return how the effect of each cross' first intervention depends on its second."""
    rows = []
    for cross in crosses:
        base, *others = (answers[run] for run in cross.runs)
        for level, other in zip(cross.levels[1:], others, strict=True):
            contrast = Effects(other.change - base.change, base.config)
            main = Effects((other.probability - base.probability).mean(-1, keepdims=True), base.config)
            for row, column, classifier, expression in _labels(base):
                where = row, column, _far_end(base, row, column)
                rows.append(
                    Interaction(
                        first=cross.first,
                        second=cross.second,
                        level=level,
                        classifier=classifier,
                        expression=expression,
                        base_effect=base.effects[where],
                        held_effect=other.effects[where],
                        contrast=contrast[where],
                        main=main[row, column, 0],
                        adjusted_p=float("nan"),
                    )
                )
    return _with_adjusted_p(rows)


def _far_end(one: Answers, row: int, column: int) -> int:
    """Return the position of the end of the levels with the larger mean change."""
    return max(one.ends, key=lambda end: abs(np.nan_to_num(one.effects[row, column, end].mean)))


def _adjusted_ends(answers: Mapping[str, Answers]) -> dict[tuple[str, int, int, int], float]:
    """Return the corrected p-values of all ends: of the means over expressions, and of the expressions."""
    families: dict[tuple[int, bool], list[tuple[tuple[str, int, int, int], float]]] = {}
    for name, one in answers.items():
        for row, column, _, expression in _labels(one):
            family = families.setdefault((row, expression == ALL), [])
            family += [((name, row, column, end), one.effects[row, column, end].p_value) for end in one.ends]
    return {
        key: float(p_value)
        for family in families.values()
        for (key, _), p_value in zip(family, holm(np.array([p for _, p in family])), strict=True)
    }


def _with_adjusted_p(rows: list[Interaction]) -> tuple[Interaction, ...]:
    families: dict[tuple[str, bool], list[int]] = {}
    for index, row in enumerate(rows):
        families.setdefault((row.classifier, row.expression == ALL), []).append(index)
    for family in families.values():
        p_values = holm(np.array([rows[index].contrast.p_value for index in family]))
        for index, p_value in zip(family, p_values, strict=True):
            rows[index] = rows[index]._replace(adjusted_p=float(p_value))
    return tuple(rows)


def _trends(one: Answers) -> list[list[str]]:
    """Return how the mean answer goes along the levels, (C)(X + 1)."""
    steps = np.moveaxis(np.diff(one.probability, axis=-1), -1, -2)  # (C, X + 1, L - 1, N)
    config = one.config
    test = mean_test(steps, statistics_key(config.seed), config.permutations, 1 - config.alpha)
    signs = (test.low > 0).astype(int) - (test.high < 0).astype(int)
    return [[_trend(signs[row, column]) for column in range(signs.shape[1])] for row in range(len(signs))]


def _trend(signs: np.ndarray) -> str:
    """Return a word for a row of steps up (1) and down (-1); 0 is no step."""
    moves = signs[signs != 0]
    turns = [moves[0], *moves[1:][moves[1:] != moves[:-1]]] if len(moves) else []
    words = {(): "flat", (1,): "rises", (-1,): "falls", (1, -1): "peaks", (-1, 1): "dips"}
    return words.get(tuple(int(turn) for turn in turns), "varies")


def _sizes(one: Answers) -> np.ndarray:
    """Return (C, X + 1, L) mean changes without their sign."""
    return finite_mean(np.abs(one.change))


def _labels(one: Answers) -> Iterator[tuple[int, int, str, str]]:
    for row, classifier in enumerate(one.classifiers):
        for column, expression in enumerate(one.expressions):
            yield row, column, classifier, expression
