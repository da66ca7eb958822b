"""How often the verdict, the comparison, the gate and the intervals are wrong, by the number of people."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxface.audit import AuditConfig, gates
from jaxface.audit.effects import Context, classifier_effects, comparisons
from jaxface.audit.summary import CellSummary, Summary
from jaxface.stats import mean_test, share_interval

PEOPLE = (2, 3, 5, 6, 8, 10, 20, 50, 200)
CLASSIFIERS = 3
SHARES = (0.5, 0.9, 0.99)

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

NULLS: dict[str, Noise] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "skewed (gamma, skewness 1)": lambda random, shape: random.gamma(4.0, size=shape) - 4.0,
    "skewed (exponential, skewness 2)": lambda random, shape: random.exponential(size=shape) - 1.0,
    "heavy tails (t, 3 degrees)": lambda random, shape: random.standard_t(3, size=shape),
}
"""Scores of people whose mean is zero."""


def run(populations: int, permutations: int, alpha: float, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each null, number of people and question: the rate of wrong answers."""
    random = np.random.default_rng(seed)
    config = AuditConfig(permutations=permutations, alpha=alpha, seed=seed)
    for name, noise in NULLS.items():
        for people in PEOPLE:
            scores = noise(random, (populations, CLASSIFIERS, 1, people))
            wrong = np.array([_wrong_answers(sample, config) for sample in scores])
            for question, count in zip(("verdict", "comparison", "gate"), wrong.sum(0), strict=True):
                yield _row(name, people, question, int(count), populations, alpha)
            test = mean_test(scores[:, 0, 0], jax.random.key(seed), permutations, 1 - alpha)
            missed = int(((test.low > 0) | (test.high < 0)).sum())
            yield _row(name, people, "interval", missed, populations, alpha)
    for share in SHARES:
        for people in PEOPLE:
            hits = (random.random((populations, people)) < share).astype(np.float64)
            low, high = share_interval(hits, 1 - alpha)
            missed = int(((low > share) | (high < share)).sum())
            yield _row(f"share of {share:g}", people, "interval of a share", missed, populations, alpha)


def _wrong_answers(scores: np.ndarray, config: AuditConfig) -> tuple[bool, bool, bool]:
    """Return whether the first verdict, any comparison, and the gate `score>0` of the first see an effect.

    Args:
        scores: (C, 1, N) of classifiers without an effect.
    """
    names = [f"classifier {index}" for index in range(len(scores))]
    context = Context(scores, names, config, steps=9)
    cells = [_cell(name, values[0], config) for name, values in zip(names, scores, strict=True)]
    effects = classifier_effects(context, cells)
    first = next(row for row in effects if row.classifier == names[0])
    summary = Summary(tuple(cells[:1]), (), (), (), (), (), (), ())
    return (
        first.effect.direction != 0,
        any(row.direction for row in comparisons(context, effects)),
        bool(gates.check([gates.parse("score>0")], summary, allow_unmeasured=True)),
    )


def _cell(classifier: str, scores: np.ndarray, config: AuditConfig) -> CellSummary:
    """Return the summary of a cell of which only the scores (N,) are known."""
    test = mean_test(scores, jax.random.key(config.seed), config.permutations, 1 - config.alpha)
    fields: dict[str, Any] = dict.fromkeys(CellSummary._fields, 1.0)
    fields |= {"classifier": classifier, "expression": "happiness", "estimator": "", "identities": len(scores)}
    fields |= {"score": float(test.mean), "low": float(test.low), "high": float(test.high), "measurable": True}
    return CellSummary(**fields)


def _row(noise: str, people: int, question: str, count: int, populations: int, alpha: float) -> dict[str, Any]:
    from scipy import stats

    interval = stats.binomtest(count, populations).proportion_ci(method="wilson")
    return {
        "name": noise,
        "people": people,
        "test": question,
        "alpha": alpha,
        "rate": count / populations,
        "low": float(interval.low),
        "high": float(interval.high),
        "tests": populations,
    }
