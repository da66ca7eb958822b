"""From surfaces to scores, p-values and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray

from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import JUDGED, CellStatus
from jaxface.audit.plan import judging_key
from jaxface.audit.result import AuditResult
from jaxface.audit.store import RunStore
from jaxface.core import io
from jaxface.stats import holm, mean_interval, permutation_test, population_score

TABLES = ("scores", "significance", "accuracy", "activation", "transfer")
_COLUMNS = ("classifier", "judge", "expression", "identity", "checked_symmetry")
_IDENTITIES_AT_ONCE = 1000


def judge(store: RunStore, config: AuditConfig) -> None:
    """Score every surface, test it (Algorithm 1), adjust over the identities of its cell, and write that."""
    key = judging_key(config.seed)
    shape = len(store.layout.classifiers), len(store.layout.expressions), store.layout.identities
    values = {name: np.full(shape, np.nan) for name in JUDGED}
    for classifier, expression in np.ndindex(shape[:2]):
        for start in range(0, config.identities, _IDENTITIES_AT_ONCE):
            some = slice(start, min(start + _IDENTITIES_AT_ONCE, config.identities))
            surfaces = store.surfaces(classifier, expression, some)
            tested = permutation_test(surfaces, key, config.permutations, config.scheme, config.estimate)
            where = classifier, expression, some
            values["score"][where] = tested.score
            values["p_value"][where] = tested.p_value
            values["mean_probability"][where] = surfaces.mean((-2, -1), dtype=np.float64)
    values["adjusted"] = holm(values["p_value"])
    store.write_judgement(values)


def summary(result: AuditResult) -> xarray.Dataset:
    """What a table shows of each (classifier, expression): the effect with its interval, p and n.

    Variables: `score` (Eq. 7) with `low` and `high` (95 % BCa bootstrap over identities), `identities` that
    have a score, how many are `significant`, their `ratio`, the `activation` reached at symmetry 1 and time 1,
    and `mean_probability` over the surfaces.
    """
    scores = result.scores.values
    interval = mean_interval(scores, judging_key(result.config.seed))
    count = np.isfinite(scores).sum(-1)
    significant = result.significant.values.sum(-1)
    mean_probability = population_score(result.data["mean_probability"].values)
    dims = ("classifier", "expression")
    variables = {
        "score": population_score(scores),
        "low": interval.low,
        "high": interval.high,
        "identities": count,
        "significant": significant,
        "ratio": np.where(count > 0, significant / np.maximum(count, 1), np.nan),
        "activation": result.activation.values,
        "mean_probability": mean_probability,
    }
    coordinates = {name: result.data[name].values for name in dims}
    return xarray.Dataset({name: (dims, value) for name, value in variables.items()}, coordinates)


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
        "significance": table[["score", "low", "high", "identities", "significant", "ratio"]],
        "accuracy": result.accuracy.to_dataset(),
        "activation": table[["activation", "mean_probability", "identities"]],
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
