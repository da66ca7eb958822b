"""From logits and features to the paper's tables: independence (Table 1), accuracy (Table 4), Fig. 7 and 8."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxface.audit.observe.config import ObserveConfig
from jaxface.audit.observe.measurements import Measurements
from jaxface.audit.observe.sampling import Samples, groups, select
from jaxface.audit.observe.table import Photographs
from jaxface.classify import Classifier
from jaxface.core.types import Array
from jaxface.stats import share_interval
from jaxface.stats.independence import TESTS
from jaxface.stats.regression import WindowRegression, window_regression

FEWEST = 20  # samples that a test of independence needs
_DISCRETE = ("chsic", "cmiknn")  # tests with a form of their own for a condition that is a label
_SUBSET_IN_KEYS = {"matching": "own", "all": "all"}  # random keys follow from these words: part of a result


@dataclass(frozen=True)
class IndependenceRow:
    """One classifier, expression and feature before the tests.

    Attributes:
        subset: "own" photographs of the expression, or "all".
        given: "label", or "nothing" where all samples have the same.
        samples: how many entered.
        association: correlation of logit and feature within labels; for two groups positive where the second
            (in order of names) is answered more strongly.
        statistic, p_value: by test; empty where nothing was tested.
        dependent: most tests reject independence; None where nothing was tested.
        note: why not, "" where it was.
    """

    classifier: str
    expression: str
    feature: str
    subset: str
    conditioned_on: str
    samples: int
    association: float
    statistic: dict[str, float]
    p_value: dict[str, float]
    dependent: bool | None
    note: str = ""


@dataclass(frozen=True)
class AccuracyRow:
    """How often the label is the first answer, in one group; with its 95 % interval."""

    classifier: str
    label: str
    group: str
    photographs: int
    right: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Distribution:
    """The logits of one classifier and expression in one group, over photographs of one label."""

    classifier: str
    expression: str
    label: str
    group: str
    logits: np.ndarray


@dataclass(frozen=True)
class Curve:
    """Mean and deviation of a logit over a continuous feature, with the samples beneath it.

    Attributes:
        feature, logit: (n,) the samples; group: their groups.
    """

    classifier: str
    expression: str
    name: str
    feature: np.ndarray
    logit: np.ndarray
    group: tuple[str, ...]
    regression: WindowRegression


def test_independence(
    name: str, classifier: str, expression: str, subset: str, data: Samples, config: ObserveConfig
) -> IndependenceRow:
    """Test one classifier, expression and feature with every test of the config; the majority decides."""
    if subset == "matching":
        data = select(data, data.label == expression)
    labels, codes = np.unique(data.label, return_inverse=True)
    conditions = codes.reshape(-1).astype(np.float64) if len(labels) > 1 else None
    count, condition = len(data.logit), "nothing" if conditions is None else "label"
    if count < FEWEST:
        note = f"{count} samples; the tests need {FEWEST}"
        return IndependenceRow(
            classifier, expression, name, subset, condition, count, float("nan"), {}, {}, None, note
        )
    name_of_subset = _SUBSET_IN_KEYS[subset]
    keys = jax.random.split(
        combination_key(config.seed, f"{classifier}/{expression}/{name}/{name_of_subset}"), len(TESTS)
    )
    order = list(TESTS)
    results = {}
    for one in config.tests:
        options: dict[str, Any] = {"discrete": True} if one in _DISCRETE else {}
        if one == "chsic":
            options["form"] = config.chsic_form
        key = keys[order.index(one)]  # independent of which other tests run
        results[one] = TESTS[one](data.feature, data.logit, conditions, key, **options)
    n_rejected = sum(result.p_value <= config.alpha for result in results.values())
    return IndependenceRow(
        classifier=classifier,
        expression=expression,
        feature=name,
        subset=subset,
        conditioned_on=condition,
        samples=count,
        association=association(data),
        statistic={one: result.statistic for one, result in results.items()},
        p_value={one: result.p_value for one, result in results.items()},
        dependent=2 * n_rejected > len(results),
    )


def combination_key(seed: int, name: str) -> Array:
    """Return the key of one combination; it does not depend on the others."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))


def association(data: Samples) -> float:
    """Pearson correlation of logit and feature after subtracting each label's means; NaN for many columns."""
    if data.feature.ndim > 1:
        return float("nan")
    logit, feature = data.logit.copy(), data.feature.astype(np.float64)
    for label in np.unique(data.label):
        own = data.label == label
        logit[own] -= logit[own].mean()
        feature[own] -= feature[own].mean()
    spread = np.sqrt((logit**2).sum() * (feature**2).sum())
    return float((logit * feature).sum() / spread) if spread > 0 else 0.0


def accuracy(
    photographs: Photographs, measurements: Measurements, classifiers: Sequence[Classifier]
) -> list[AccuracyRow]:
    """Table 4: a row for each classifier, label that it knows, and group."""
    rows = []
    labels, group = np.array(photographs.label), np.array(photographs.group)
    for classifier in classifiers:
        logits = measurements.logits[classifier.name]
        finite = measurements.used & np.isfinite(logits).all(1)
        first = np.array(classifier.labels)[np.argmax(np.where(np.isfinite(logits), logits, -np.inf), axis=1)]
        for label in sorted(set(photographs.label) & set(classifier.labels)):
            for one in groups(photographs):
                own = finite & (labels == label) & (group == one)
                total, right = int(own.sum()), int((first[own] == label).sum())
                if not total:
                    continue
                low, high = map(float, share_interval((first[own] == label).astype(float)))
                rows.append(AccuracyRow(classifier.name, label, one, total, right, right / total, low, high))
    return rows


def distributions(
    photographs: Photographs,
    measurements: Measurements,
    classifiers: Sequence[Classifier],
    config: ObserveConfig,
) -> list[Distribution]:
    """Fig. 7: the logits of each classifier and expression, by label and group."""
    rows = []
    labels, group = np.array(photographs.label), np.array(photographs.group)
    for classifier in classifiers:
        for expression in config.expressions:
            if expression not in classifier.labels:
                continue
            logit = measurements.logits[classifier.name][:, classifier.index(expression)]
            for label in sorted(set(photographs.label)):
                for one in groups(photographs):
                    own = np.isfinite(logit) & (labels == label) & (group == one)
                    if own.any():
                        rows.append(Distribution(classifier.name, expression, label, one, logit[own]))
    return rows


def curve(name: str, classifier: str, expression: str, data: Samples, config: ObserveConfig) -> Curve:
    """Fig. 8: the regression of one logit over one continuous feature.

    Among the expression's own photographs, or all where there are none.
    """
    own = data.label == expression
    data = select(data, own if own.any() else ~own)
    regression = window_regression(data.feature, data.logit, config.window)
    group = tuple(map(str, data.group))
    return Curve(classifier, expression, name, data.feature, data.logit, group, regression)
