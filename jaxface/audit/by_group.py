"""Effects within groups of a run's people: by sex, by skin tone, by age."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxface.audit.full_expression import Answers
from jaxface.audit.groups import members
from jaxface.audit.plan import statistics_key
from jaxface.audit.summary import Effect
from jaxface.core.errors import ConfigError, suggestion
from jaxface.stats import mean_test

if TYPE_CHECKING:
    import pandas

    from jaxface.audit.result import AuditResult

_SHUFFLES = 9999
_BATCH = 1000  # shuffles at once


class GroupRow(NamedTuple):
    """One group of people, before one classifier.

    Attributes:
        expression: or "all", each person's mean over the measurable ones.
        change: of the probability at the full expression, from the unchanged face to the most changed one.
        score: as of the run.
        differ_p: that the groups' scores differ by chance: of shuffles of people among the groups, the share
            in which their means lie as far apart. The same for all groups; NaN with too few people.
    """

    group: str
    classifier: str
    expression: str
    change: Effect
    score: Effect
    differ_p: float


def group_rows(result: "AuditResult", attribute: str) -> list[GroupRow]:
    """Return a row for each group, classifier and expression; what is not measurable is left out.

    Args:
        attribute: "sex", "skin_tone", "age", or "group" for the groups of a file of people.

    Raises:
        ConfigError: the run's people are not grouped by it.
    """
    groups = members(result.data)
    if attribute not in groups:
        known = f"differ in {', '.join(groups)}" if groups else "do not differ in any group"
        raise ConfigError(f"the run's people {known}, not in {attribute!r}{suggestion(attribute, groups)}")
    answers = Answers.of(result)
    level = result.intervention.most_changed_dose
    change = answers.change[..., level]
    scores = _scores(result, answers)
    masks = np.stack(list(groups[attribute].values()))
    steps = result.intervention.dose_range_steps if result.config.unit == "step" else 1
    changes, score_effects = _effects(change, masks, result, 1), _effects(scores, masks, result, steps)
    differ_p = _differ_p(scores, masks, result)
    return [
        GroupRow(
            group,
            classifier,
            expression,
            changes[number][row][column],
            score_effects[number][row][column],
            float(differ_p[row, column]),
        )
        for number, group in enumerate(groups[attribute])
        for row, classifier in enumerate(answers.classifiers)
        for column, expression in enumerate(answers.expressions)
        if score_effects[number][row][column].is_valid
    ]


def frame(rows: list[GroupRow]) -> "pandas.DataFrame":
    """Return the rows as a data frame: group, classifier, expression, people, and each effect's numbers."""
    import pandas

    return pandas.DataFrame([dict(_columns(row)) for row in rows])


def _columns(row: GroupRow) -> Iterator[tuple[str, Any]]:
    yield from (("group", row.group), ("classifier", row.classifier), ("expression", row.expression))
    yield "people", row.score.identities
    for name, effect in (("change", row.change), ("score", row.score)):
        yield from ((name, effect.mean), (f"{name}_low", effect.low), (f"{name}_high", effect.high))
    yield from (("p_value", row.score.p_value), ("differ_p", row.differ_p))


def _scores(result: "AuditResult", answers: Answers) -> np.ndarray:
    """Return (C, X + 1, N) scores of what is measurable, and each person's mean over it."""
    scores = result.scores.transpose("classifier", "expression", "identity").values
    measurable = np.array(
        [
            [result.summary.cell(classifier, expression).measurable for expression in answers.expressions[:-1]]
            for classifier in answers.classifiers
        ]
    )
    scores = np.where(measurable[..., None], scores, np.nan)
    means = [
        row[mask].mean(0) if mask.any() else np.full(scores.shape[-1], np.nan)
        for row, mask in zip(scores, measurable, strict=True)
    ]
    return np.concatenate([scores, np.stack(means)[:, None]], axis=1)


def _effects(
    values: np.ndarray, masks: np.ndarray, result: "AuditResult", steps: int
) -> list[list[list[Effect]]]:
    """Return effects [group][classifier][expression] of (C, X, N) values."""
    config = result.config
    own = np.where(masks[:, None, None], values, np.nan)
    test = mean_test(own, statistics_key(config.seed), config.permutations, 1 - config.alpha)
    count = np.isfinite(own).sum(-1)

    def effect(*where: int) -> Effect:
        mean, low, high, p_value = (float(part[where]) for part in test)
        return Effect(mean, low, high, p_value, identities=int(count[where]), steps=steps)

    groups, classifiers, expressions = count.shape
    return [[[effect(g, c, x) for x in range(expressions)] for c in range(classifiers)] for g in range(groups)]


def _differ_p(values: np.ndarray, masks: np.ndarray, result: "AuditResult") -> np.ndarray:
    """Return (C, X) p-values of a permutation test: people are shuffled among (G, N) groups.

    The statistic is the sum of squares between groups.
    """
    rows = values.reshape(-1, values.shape[-1]).T  # (N, R)
    is_valid = np.isfinite(rows)
    filled = np.where(is_valid, rows - np.nanmean(np.where(is_valid.any(0), rows, 0.0), axis=0), 0.0)

    def between(groups: np.ndarray) -> np.ndarray:
        """Return (..., R) of (..., G, N) members of groups."""
        sums, counts = groups @ filled, groups @ is_valid
        return np.asarray((sums**2 / np.maximum(counts, 1)).sum(-2))

    in_group = masks.any(0)
    filled, is_valid, own = filled[in_group], is_valid[in_group].astype(float), masks[:, in_group].astype(float)
    actual = between(own)
    random = np.random.default_rng(result.config.seed)
    at_least = np.zeros(rows.shape[1])
    for start in range(0, _SHUFFLES, _BATCH):
        count = min(_BATCH, _SHUFFLES - start)
        orders = random.permuted(np.tile(np.arange(own.shape[1]), (count, 1)), axis=1)
        at_least += (between(np.moveaxis(own[:, orders], 0, 1)) >= actual * (1 - 1e-9)).sum(0)
    p_values = (at_least + 1) / (_SHUFFLES + 1)
    too_few = ((own @ is_valid) < 2).any(0)
    return np.where(too_few, np.nan, p_values).reshape(values.shape[:-1])
