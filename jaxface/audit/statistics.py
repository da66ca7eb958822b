"""From surfaces to scores, p-values and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray

from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import STATISTICS, CellStatus
from jaxface.audit.plan import statistics_key
from jaxface.audit.result import AuditResult
from jaxface.audit.store import RunStore
from jaxface.core import io
from jaxface.stats import (
    SCHEMES,
    adjust,
    mean_interval,
    permutation_test,
    population_score,
    sign_flip_test,
    symmetry_score,
)

TABLES = ("scores", "significance", "schemes", "accuracy", "activation", "transfer")
_COLUMNS = ("classifier", "judge", "expression", "scheme", "identity", "checked_symmetry")
_IDENTITIES_AT_ONCE = 1000


def compute_statistics(store: RunStore, config: AuditConfig) -> None:
    """Score every surface, test it under every scheme, correct for many identities, and write that."""
    key = statistics_key(config.seed)
    values = {name: np.full(store.layout.shape(variable), np.nan) for name, variable in STATISTICS.items()}
    for classifier, expression in np.ndindex(values["score"].shape[:2]):
        for start in range(0, config.identities, _IDENTITIES_AT_ONCE):
            some = slice(start, min(start + _IDENTITIES_AT_ONCE, config.identities))
            surfaces = store.surfaces(classifier, expression, some)
            where = classifier, expression, some
            values["score"][where] = symmetry_score(surfaces, config.estimator, config.unit)
            for index, scheme in enumerate(SCHEMES):
                tested = permutation_test(
                    surfaces, key, config.permutations, scheme, config.p_estimate, config.estimator
                )
                values["scheme_p_value"][*where, index] = tested.p_value
            values["mean_probability"][where] = surfaces.mean((-2, -1), dtype=np.float64)
    values["p_value"] = values["scheme_p_value"][..., list(SCHEMES).index(config.scheme)]
    values["adjusted"] = adjust(values["p_value"], config.correction)
    store.write_judgement(values)


def summary(result: AuditResult) -> xarray.Dataset:
    """What a table shows of each (classifier, expression): the effect with its interval, p and n.

    Variables: `score` (Eq. 7) with `low` and `high`, and its `estimator`; `population_p` (sign flips over
    identities); `identities` that have a score, how many are `significant`, their `ratio`; the `activation`
    reached at symmetry 1 and time 1 with `activation_low` and `activation_high`; and `mean_probability` over
    the surfaces. Intervals are 95 % BCa bootstraps over identities.
    """
    config = result.config
    key = statistics_key(config.seed)
    scores = result.scores.values
    interval = mean_interval(scores, key)
    activation = mean_interval(result.surfaces.isel(symmetry=-1, time=-1).values, key)
    count = np.isfinite(scores).sum(-1)
    significant = result.significant.values.sum(-1)
    mean_probability = population_score(result.data["mean_probability"].values)
    dims = ("classifier", "expression")
    variables = {
        "score": population_score(scores),
        "low": interval.low,
        "high": interval.high,
        "estimator": np.full(scores.shape[:2], f"{config.estimator} per {config.unit}", object),
        "population_p": sign_flip_test(scores, key, config.permutations),
        "identities": count,
        "significant": significant,
        "ratio": np.where(count > 0, significant / np.maximum(count, 1), np.nan),
        "activation": result.activation.values,
        "activation_low": activation.low,
        "activation_high": activation.high,
        "mean_probability": mean_probability,
    }
    coordinates = {name: result.data[name].values for name in dims}
    return xarray.Dataset({name: (dims, value) for name, value in variables.items()}, coordinates)


def accuracy(result: AuditResult) -> xarray.Dataset:
    """Table 4: `accuracy`, the share of first answers, with `low` and `high` (95 % BCa over identities)."""
    hits = result.hits.transpose("classifier", "expression", "checked_symmetry", "identity")
    interval = mean_interval(hits.values, statistics_key(result.config.seed))
    shares = {"accuracy": result.accuracy.transpose(*hits.dims[:-1]).values}
    shares |= {"low": interval.low, "high": interval.high}
    coordinates = {name: result.data[name].values for name in hits.dims[:-1]}
    return xarray.Dataset({name: (hits.dims[:-1], value) for name, value in shares.items()}, coordinates)


def has_tables(folder: Path) -> bool:
    """Whether all tables lie in a run's folder."""
    return all((folder / f"{name}.csv").is_file() for name in TABLES)


def write_tables(result: AuditResult) -> list[Path]:
    """Write `TABLES` into the run's folder as CSV, each whole or not at all."""
    data = result.data
    populations = np.array([*data.attrs["populations"], ""])
    scores = data[["score", "p_value", "adjusted", "status"]].load()
    scores["significant"] = result.significant
    scores["status"] = (
        scores["status"].dims,
        np.vectorize(lambda code: CellStatus(code).name.lower())(scores["status"].values),
    )
    scores["population"] = ("identity", populations[data["population"].values])
    table = summary(result)
    tables = {
        "scores": scores,
        "significance": table[
            ["score", "low", "high", "estimator", "identities", "significant", "ratio", "population_p"]
        ],
        "schemes": result.schemes,
        "accuracy": accuracy(result),
        "activation": table[
            ["activation", "activation_low", "activation_high", "mean_probability", "identities"]
        ],
        "transfer": result.transfer,
    }
    paths = []
    for name in TABLES:
        dataset = tables[name]
        # A dataset's own order of dimensions follows its coordinates, and those follow the store's listing.
        frame = dataset.to_dataframe(dim_order=[column for column in _COLUMNS if column in dataset.dims])
        paths.append(result.folder / f"{name}.csv")
        io.write_text(paths[-1], frame.reset_index().to_csv(index=False, lineterminator="\n"))
    return paths
