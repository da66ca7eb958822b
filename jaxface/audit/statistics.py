"""From surfaces to scores, p-values and the summary of a run."""

import numpy as np
import xarray

from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import STATISTICS, CellStatus, InterventionRecord
from jaxface.audit.plan import statistics_key
from jaxface.audit.store import RunStore
from jaxface.audit.summary import (
    CellSummary,
    ClassifierEffect,
    Comparison,
    CrossPrediction,
    Effect,
    ProbeAccuracy,
    SchemeSummary,
    Summary,
)
from jaxface.stats import (
    SCHEMES,
    adjust,
    mean_interval,
    permutation_test,
    population_score,
    sign_flip_test,
    symmetry_score,
)

_IDENTITIES_AT_ONCE = 1000
_CELL = ("classifier", "expression")


def compute_statistics(run_store: RunStore, config: AuditConfig) -> dict[str, np.ndarray]:
    """Score every surface, test it under every scheme, and correct for many identities.

    Returns:
        the variables of `STATISTICS`, (C, X, N, ...).
    """
    key = statistics_key(config.seed)
    layout = run_store.layout
    values = {name: np.full(layout.shape(variable), np.nan) for name, variable in STATISTICS.items()}
    for row, classifier in enumerate(layout.classifiers):
        for column, expression in enumerate(layout.expressions):
            for start in range(0, config.identities, _IDENTITIES_AT_ONCE):
                identities = slice(start, min(start + _IDENTITIES_AT_ONCE, config.identities))
                surfaces = run_store.probabilities(classifier, expression, identities)
                where = row, column, identities
                values["score"][where] = symmetry_score(surfaces, config.estimator, config.unit)
                for index, scheme in enumerate(SCHEMES):
                    test = permutation_test(
                        surfaces, key, config.permutations, scheme, config.p_estimate, config.estimator
                    )
                    values["scheme_p_value"][*where, index] = test.p_value
                values["mean_probability"][where] = surfaces.mean((-2, -1), dtype=np.float64)
    values["p_value"] = values["scheme_p_value"][..., list(SCHEMES).index(config.scheme)]
    values["adjusted_p_value"] = adjust(values["p_value"], config.correction)
    return values


def summarize(data: xarray.Dataset, config: AuditConfig) -> Summary:
    """Compute everything that is shown of a run.

    Args:
        data: a store with the variables of `STATISTICS`.
    """
    record = InterventionRecord.from_attributes(data.attrs["intervention"])
    cells = _cells(data, config, record)
    accuracies = _accuracies(data, config)
    effects = _effects(data, config, record, cells, accuracies)
    return Summary(
        cells=cells,
        schemes=_schemes(data, config),
        accuracies=accuracies,
        cross_predictions=_cross_predictions(data),
        effects=effects,
        comparisons=_comparisons(data, config, record, effects),
    )


def effect_of(values: np.ndarray, config: AuditConfig, steps: int) -> Effect:
    """Return the mean of (N,) scores, one a person, with its interval and test.

    Args:
        steps: from the first dose to the last.
    """
    key = statistics_key(config.seed)
    interval = mean_interval(values, key)
    return Effect(
        mean=finite_mean(values),
        low=float(interval.low),
        high=float(interval.high),
        p_value=float(sign_flip_test(values, key, config.permutations)),
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


def finite_mean(values: np.ndarray) -> float:
    """Return the mean of what is finite; NaN where nothing is."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _cells(data: xarray.Dataset, config: AuditConfig, record: InterventionRecord) -> tuple[CellSummary, ...]:
    key = statistics_key(config.seed)
    dose, time = (axis.name for axis in record.axes)
    scores = _scores(data)
    interval = mean_interval(scores, key)
    peaks = data["probability"].isel({dose: record.unchanged_dose, time: -1}).transpose(*_CELL, "identity")
    activation = mean_interval(peaks.values, key)
    count = np.isfinite(scores).sum(-1)
    significant = (data["adjusted_p_value"].transpose(*_CELL, "identity").values <= config.alpha).sum(-1)
    status = data["status"].transpose(*_CELL, "identity").values
    columns = {
        "identities": count,
        "score": population_score(scores),
        "low": interval.low,
        "high": interval.high,
        "population_p": sign_flip_test(scores, key, config.permutations),
        "significant": significant,
        "ratio": np.where(count > 0, significant / np.maximum(count, 1), np.nan),
        "activation": peaks.mean("identity").values,
        "activation_low": activation.low,
        "activation_high": activation.high,
        "activation_deviation": peaks.std("identity").values,
        "mean_probability": population_score(data["mean_probability"].transpose(*_CELL, "identity").values),
        "status": np.apply_along_axis(_commonest, -1, status),
    }
    estimator = f"{config.estimator} per {config.unit}"
    return tuple(
        CellSummary(
            classifier=classifier,
            expression=expression,
            estimator=estimator,
            **{name: values[row, column].item() for name, values in columns.items()},
        )
        for row, classifier in enumerate(_names(data, "classifier"))
        for column, expression in enumerate(_names(data, "expression"))
    )


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
    hits = (data["probe_top_class"] == _targets(data)).where(data["status"] == CellStatus.DONE)
    hits = hits.transpose(*_CELL, "probe", "identity")
    interval = mean_interval(hits.values, statistics_key(config.seed))
    accuracy = hits.mean("identity").values
    return tuple(
        ProbeAccuracy(
            classifier,
            expression,
            float(data["probe"].values[index[-1]]),
            float(accuracy[index]),
            float(interval.low[index]),
            float(interval.high[index]),
        )
        for index, (classifier, expression, _) in _labelled(data, *_CELL, "probe")
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


def _effects(
    data: xarray.Dataset,
    config: AuditConfig,
    record: InterventionRecord,
    cells: tuple[CellSummary, ...],
    accuracies: tuple[ProbeAccuracy, ...],
) -> tuple[ClassifierEffect, ...]:
    probes = len(record.probe_levels)
    rows = []
    for classifier, values in zip(_names(data, "classifier"), person_means(_scores(data)), strict=True):
        # (cell, its accuracies at all probe levels) of every expression that has a score
        pairs = [
            (cell, [row.accuracy for row in accuracies[index * probes : (index + 1) * probes]])
            for index, cell in enumerate(cells)
            if cell.classifier == classifier and cell.has_score
        ]
        rows.append(
            ClassifierEffect(
                classifier=classifier,
                effect=effect_of(values, config, record.dose_range_steps),
                expressions=len(pairs),
                significant=sum(cell.significant for cell, _ in pairs),
                faces=sum(cell.identities for cell, _ in pairs),
                accuracy_changed=finite_mean(np.array([row[record.most_changed_probe] for _, row in pairs])),
                accuracy_unchanged=finite_mean(np.array([row[record.unchanged_probe] for _, row in pairs])),
                strongest=max((cell for cell, _ in pairs), key=lambda cell: abs(cell.score)).expression
                if pairs
                else "",
            )
        )
    return tuple(sorted(rows, key=lambda row: -np.nan_to_num(row.effect.mean, nan=-np.inf)))


def _comparisons(
    data: xarray.Dataset, config: AuditConfig, record: InterventionRecord, effects: tuple[ClassifierEffect, ...]
) -> tuple[Comparison, ...]:
    scores = _scores(data)
    names = _names(data, "classifier")
    ranking = [row.classifier for row in effects if row.effect.is_valid]
    rows = []
    for position, more in enumerate(ranking):
        for less in ranking[position + 1 :]:
            pair = scores[[names.index(more), names.index(less)]]
            in_both = np.isfinite(pair).any(-1).all(0)
            if not in_both.any():
                continue
            means = person_means(pair, in_both)
            difference = effect_of(means[0] - means[1], config, record.dose_range_steps)
            rows.append(Comparison(more, less, difference, int(in_both.sum())))
    return tuple(rows)


def _scores(data: xarray.Dataset) -> np.ndarray:
    """Return the scores (C, X, N)."""
    return np.asarray(data["score"].transpose(*_CELL, "identity").values)


def _targets(data: xarray.Dataset) -> xarray.DataArray:
    """Return the position of each expression in `answer`."""
    answers = _names(data, "answer")
    return xarray.DataArray([answers.index(name) for name in _names(data, "expression")], dims="expression")


def _commonest(status: np.ndarray) -> int:
    values, counts = np.unique(status, return_counts=True)
    return int(values[counts.argmax()])


def _names(data: xarray.Dataset, dimension: str) -> list[str]:
    return [str(name) for name in data[dimension].values]


def _labelled(data: xarray.Dataset, *dimensions: str) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Return every index over some dimensions, in order, with its labels."""
    names = [_names(data, dimension) for dimension in dimensions]
    return [
        (index, tuple(labels[i] for labels, i in zip(names, index, strict=True)))
        for index in np.ndindex(*map(len, names))
    ]
