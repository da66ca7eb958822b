"""From a store with scores and p-values to the summary of the run."""

from collections.abc import Sequence

import numpy as np
import xarray

from jaxface.audit import effects
from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import CellStatus, InterventionRecord
from jaxface.audit.plan import statistics_key
from jaxface.audit.summary import (
    CellSummary,
    CrossPrediction,
    DoseAnswer,
    ProbeAccuracy,
    SchemeSummary,
    Summary,
)
from jaxface.stats import adjust, mean_test, population_score, share_interval
from jaxface.stats.people import MeanTest

_CELL = ("classifier", "expression")
_FACE = (*_CELL, "identity")
_FLIPS_FOR_INTERVALS = 2000  # of what is shown beside the verdict; its test has the config's number


def summarize(data: xarray.Dataset, config: AuditConfig) -> Summary:
    """Compute everything that is shown of a run.

    Args:
        data: a store with the variables of `STATISTICS`.
    """
    record = InterventionRecord.from_attributes(data.attrs["intervention"])
    cells = _cells(data, config, record)
    scores = _values(data, "score", *_FACE)
    measurable = np.array([cell.measurable for cell in cells]).reshape(scores.shape[:2])
    context = effects.Context(
        scores=np.where(measurable[..., None], scores, np.nan),
        classifiers=_names(data, "classifier"),
        config=config,
        steps=record.dose_range_steps,
    )
    by_classifier = effects.classifier_effects(context, cells)
    return Summary(
        cells=cells,
        schemes=_schemes(data, config),
        accuracies=_accuracies(data, config),
        doses=_doses(data, config, record),
        cross_predictions=_cross_predictions(data),
        effects=by_classifier,
        comparisons=effects.comparisons(context, by_classifier),
        groups=effects.groups(context, data),
    )


def interval_of(values: np.ndarray, config: AuditConfig) -> MeanTest:
    """Return the mean of (..., N) values over people with its interval, for what no verdict rests on."""
    return mean_test(values, statistics_key(config.seed), _FLIPS_FOR_INTERVALS, 1 - config.alpha)


def _cells(data: xarray.Dataset, config: AuditConfig, record: InterventionRecord) -> tuple[CellSummary, ...]:
    dose, time = (axis.name for axis in record.axes)
    scores = _values(data, "score", *_FACE)
    test = mean_test(scores, statistics_key(config.seed), config.permutations, 1 - config.alpha)
    count = np.isfinite(scores).sum(-1)
    significant = (_values(data, "adjusted_p_value", *_FACE) <= config.alpha).sum(-1)
    status = _values(data, "status", *_FACE)
    full = data.isel({time: -1})
    is_target = (full["top_class"] == _targets(data)).transpose(*_FACE, dose).values
    peaks = full["probability"].transpose(*_FACE, dose).values[..., record.unchanged_dose]
    activation = interval_of(peaks, config)
    is_reached = is_target[..., record.unchanged_dose] & (peaks >= config.reached_probability)
    accuracy = _finite(np.nanmean, _hits(data))
    flips = _flip_doses(is_target, record)
    reached = is_reached.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = record.dose_range_steps if config.unit == "step" else 1
        share = population_score(scores) * steps / activation.mean
        flipped = (is_reached & np.isfinite(flips)).sum(-1) / reached
    columns = {
        "identities": count,
        "score": population_score(scores),
        "low": test.low,
        "high": test.high,
        "population_p": test.p_value,
        "significant": significant,
        "ratio": np.where(count > 0, significant / np.maximum(count, 1), np.nan),
        "activation": activation.mean,
        "activation_low": np.clip(activation.low, 0, 1),
        "activation_high": np.clip(activation.high, 0, 1),
        "activation_deviation": _finite(np.nanstd, peaks),
        "reached": reached,
        "measurable": (count > 0) & (2 * reached >= count),
        "share": share,
        "accuracy_changed": accuracy[..., record.most_changed_probe],
        "accuracy_unchanged": accuracy[..., record.unchanged_probe],
        "flipped": flipped,
        "flip_dose": _median_flip(flips, is_reached, record),
        "mean_probability": population_score(_values(data, "mean_probability", *_FACE)),
        "status": np.apply_along_axis(_commonest, -1, status),
        "failures": (~np.isin(status, (CellStatus.DONE, CellStatus.SKIPPED))).sum(-1),
    }
    estimator = f"{config.estimator} per {config.unit}"
    return tuple(
        CellSummary(
            classifier=classifier,
            expression=expression,
            estimator=estimator,
            **{name: values[index].item() for name, values in columns.items()},
        )
        for index, (classifier, expression) in _labelled(data, *_CELL)
    )


def _flip_doses(is_target: np.ndarray, record: InterventionRecord) -> np.ndarray:
    """Return (C, X, N) the dose nearest the unchanged one at which the target is no longer the top class.

    Args:
        is_target: (C, X, N, S) at full expression.

    Returns:
        doses; NaN where the target is the top class at every dose.
    """
    levels = np.asarray(record.axes[0].levels, np.float64)
    order = np.argsort(np.abs(levels - record.axes[0].unchanged), kind="stable")
    lost = ~is_target[..., order]
    return np.where(lost.any(-1), levels[order][lost.argmax(-1)], np.nan)


def _median_flip(flips: np.ndarray, is_reached: np.ndarray, record: InterventionRecord) -> np.ndarray:
    """Return (C, X) the median dose of the flip over people who were reached; NaN where most never flip."""
    unchanged = record.axes[0].unchanged
    distance = np.where(np.isfinite(flips), np.abs(flips - unchanged), np.inf)
    sign = np.sign(record.probe_levels[record.most_changed_probe] - unchanged)
    median = np.full(flips.shape[:-1], np.nan)
    for index in np.ndindex(median.shape):
        if (mask := is_reached[index]).any():
            median[index] = np.quantile(distance[index][mask], 0.5, method="higher")
    return np.where(np.isfinite(median), unchanged + sign * median, np.nan)


def _schemes(data: xarray.Dataset, config: AuditConfig) -> tuple[SchemeSummary, ...]:
    p_values = data["scheme_p_value"].transpose(*_CELL, "scheme", "identity")
    significant = (adjust(p_values.values, config.correction) <= config.alpha).sum(-1)
    median = p_values.median("identity").values
    return tuple(
        SchemeSummary(classifier, expression, scheme, int(significant[index]), float(median[index]))
        for index, (classifier, expression, scheme) in _labelled(data, *_CELL, "scheme")
    )


def _accuracies(data: xarray.Dataset, config: AuditConfig) -> tuple[ProbeAccuracy, ...]:
    """Return how often the target is the top class at each probe level (Facing Asymmetry, Table 4)."""
    hits = _hits(data)
    low, high = share_interval(hits, 1 - config.alpha)
    accuracy = _finite(np.nanmean, hits)
    return tuple(
        ProbeAccuracy(
            classifier,
            expression,
            float(data["probe"].values[index[-1]]),
            float(accuracy[index]),
            float(low[index]),
            float(high[index]),
        )
        for index, (classifier, expression, _) in _labelled(data, *_CELL, "probe")
    )


def _hits(data: xarray.Dataset) -> np.ndarray:
    """Return (C, X, P, N) whether the target is the top class; NaN without an answer."""
    hits = (data["probe_top_class"] == _targets(data)).where(data["status"] == CellStatus.DONE)
    return hits.transpose(*_CELL, "probe", "identity").values


def _doses(data: xarray.Dataset, config: AuditConfig, record: InterventionRecord) -> tuple[DoseAnswer, ...]:
    dose, time = (axis.name for axis in record.axes)
    full = data.isel({time: -1})
    test = interval_of(_values(full, "probability", *_CELL, dose, "identity"), config)
    hits = (full["top_class"] == _targets(data)).where(data["status"] == CellStatus.DONE)
    accuracy = _finite(np.nanmean, hits.transpose(*_CELL, dose, "identity").values)
    return tuple(
        DoseAnswer(
            classifier,
            expression,
            float(record.axes[0].levels[step]),
            float(test.mean[row, column, step]),
            float(np.clip(test.low[row, column, step], 0, 1)),
            float(np.clip(test.high[row, column, step], 0, 1)),
            float(accuracy[row, column, step]),
        )
        for (row, column), (classifier, expression) in _labelled(data, *_CELL)
        for step in range(len(record.axes[0].levels))
    )


def _cross_predictions(data: xarray.Dataset) -> tuple[CrossPrediction, ...]:
    probability = data["evaluator_probability"]
    hits = (data["evaluator_top_class"] == _targets(data)).where(np.isfinite(probability))
    dimensions = ("classifier", "evaluator", "expression")
    mean_probability, accuracy = (
        values.mean("identity").transpose(*dimensions).values for values in (probability, hits)
    )
    return tuple(
        CrossPrediction(
            classifier, evaluator, expression, float(mean_probability[index]), float(accuracy[index])
        )
        for index, (classifier, evaluator, expression) in _labelled(data, *dimensions)
    )


def _values(data: xarray.Dataset, name: str, *dimensions: str) -> np.ndarray:
    return np.asarray(data[name].transpose(*dimensions).values)


def _finite(reduce: object, values: np.ndarray) -> np.ndarray:
    """Return a reduction over the last axis that leaves NaN out; NaN where nothing else is there."""
    empty = ~np.isfinite(values).any(-1)
    filled = np.where(empty[..., None], 0.0, values)
    return np.where(empty, np.nan, reduce(filled, axis=-1))  # type: ignore[operator]


def _targets(data: xarray.Dataset) -> xarray.DataArray:
    """Return the position of each expression in `answer`."""
    answers = _names(data, "answer")
    return xarray.DataArray([answers.index(name) for name in _names(data, "expression")], dims="expression")


def _commonest(status: np.ndarray) -> int:
    values, counts = np.unique(status, return_counts=True)
    return int(values[counts.argmax()])


def _names(data: xarray.Dataset, dimension: str) -> list[str]:
    return [str(name) for name in data[dimension].values]


def _labelled(data: xarray.Dataset, *dimensions: str) -> Sequence[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Return every index over some dimensions, in order, with its labels."""
    names = [_names(data, dimension) for dimension in dimensions]
    return [
        (index, tuple(labels[i] for labels, i in zip(names, index, strict=True)))
        for index in np.ndindex(*map(len, names))
    ]
