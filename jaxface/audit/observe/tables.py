"""The CSV tables of an observation, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxface.core import io
from jaxface.core.tables import csv_text
from jaxface.photos import asymmetry

if TYPE_CHECKING:
    from jaxface.audit.observe.result import ObserveResult

TABLES = ("photographs", "left_out", "independence", "accuracy", "distributions", "regression")
ASYMMETRY = "asymmetry"
"""Both sides of each face, where the 68 landmarks are known."""

_QUARTILES = (0.25, 0.5, 0.75)


def write(
    result: ObserveResult, labels: Mapping[str, Sequence[str]], values: Mapping[str, np.ndarray]
) -> list[Path]:
    """Write `TABLES` into the run's folder.

    Args:
        labels: of each classifier.
        values: of each feature, (n,) or (n, k).
    """
    rows = {
        "photographs": _photographs(result, labels, values),
        "left_out": [["path", "reason"], *map(list, result.left_out)],
        "independence": _independence(result),
        "accuracy": _accuracy(result),
        "distributions": _distributions(result),
        "regression": _regression(result),
    }
    if result.photographs.points is not None:
        write_csv(result.folder / f"{ASYMMETRY}.csv", _asymmetry(result))
    return [write_csv(result.folder / f"{name}.csv", rows[name]) for name in TABLES]


def write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> Path:
    """Rows as CSV, the first of them the names; NaN and None become empty cells."""
    names, *cells = [[_cell(value) for value in row] for row in rows]
    io.write_text(path, csv_text(names, cells))
    return path


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.8g}" if isinstance(value, float) else io.spreadsheet_cell(str(value))


def _photographs(
    result: ObserveResult, labels: Mapping[str, Sequence[str]], values: Mapping[str, np.ndarray]
) -> list[list[Any]]:
    """What every photograph gave: first answers, the examined logits, features."""
    table, measurements = result.photographs, result.measurements
    columns: dict[str, Sequence[Any]] = {"path": table.path, "label": table.label, "group": table.group}
    if table.person is not None:
        columns["person"] = table.person
    columns["left_out"] = measurements.reason
    for name, logits in measurements.logits.items():
        valid = np.isfinite(logits).all(1)
        first = np.array(labels[name])[np.argmax(np.where(valid[:, None], logits, 0.0), axis=1)]
        columns[f"first {name}"] = [str(one) if ok else "" for one, ok in zip(first, valid, strict=True)]
        for expression in result.config.expressions:
            if expression in labels[name]:
                columns[f"logit {name} {expression}"] = logits[:, labels[name].index(expression)].tolist()
    columns |= {f"face {name}": values.tolist() for name, values in table.quality.items()}
    for name, feature in values.items():
        if name != "group":
            columns[f"feature {name}"] = feature.tolist()
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


def _asymmetry(result: ObserveResult) -> list[list[Any]]:
    """What clinicians compare, one row for each photograph and measure."""
    table, points = result.photographs, result.photographs.points
    rows: list[list[Any]] = [["path", "measure", "left", "right", "balance", "deviation"]]
    if points is None:
        return rows
    sides, balance = asymmetry.sides(points), asymmetry.balance(points)
    for row in np.flatnonzero(result.measurements.used & np.isfinite(points).all((1, 2))).tolist():
        for name in asymmetry.MEASURES:
            deviation = table.quality.get(f"deviation {name}")
            values = [*(side[row] for side in sides[name]), balance[name][row]]
            repeat = None if deviation is None else float(deviation[row])
            rows.append([table.path[row], name, *map(float, values), repeat])
    return rows


def _independence(result: ObserveResult) -> list[list[Any]]:
    tests = result.config.tests
    head = [
        "classifier",
        "expression",
        "feature",
        "subset",
        "conditioned_on",
        "samples",
        "unit",
        "association",
        "dependent",
        "alpha",
    ]
    rows: list[list[Any]] = [
        [*head, *(f"{test}_{part}" for test in tests for part in ("statistic", "p")), "note"]
    ]
    for v in result.rows:
        values = [part.get(test) for test in tests for part in (v.statistic, v.p_value)]
        key_values = [
            v.classifier,
            v.expression,
            v.feature,
            v.subset,
            v.conditioned_on,
            v.samples,
            result.config.unit,
        ]
        rows.append([*key_values, v.association, v.dependent, result.config.alpha, *values, v.note])
    return rows


def _accuracy(result: ObserveResult) -> list[list[Any]]:
    head = ["classifier", "label", "group", "photographs", "right", "accuracy", "low", "high"]
    return [head, *([getattr(row, name) for name in head] for row in result.accuracy)]


def _distributions(result: ObserveResult) -> list[list[Any]]:
    rows: list[list[Any]] = [
        [
            "classifier",
            "expression",
            "label",
            "group",
            "photographs",
            "mean",
            "deviation",
            "q25",
            "median",
            "q75",
        ]
    ]
    for one in result.distributions:
        logits = one.logits
        shape = [float(logits.mean()), float(logits.std()), *map(float, np.quantile(logits, _QUARTILES))]
        rows.append([one.classifier, one.expression, one.label, one.group, len(logits), *shape])
    return rows


def _regression(result: ObserveResult) -> list[list[Any]]:
    rows: list[list[Any]] = [["classifier", "expression", "feature", "position", "mean", "deviation", "count"]]
    for one in result.curves:
        for step in zip(*one.regression, strict=True):
            rows.append([one.classifier, one.expression, one.name, *map(float, step[:3]), int(step[3])])
    return rows
