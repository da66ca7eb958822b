"""The page that sets two runs side by side: `jaxface report A B`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from jaxface import __version__
from jaxface.audit.inputs import serializable_config
from jaxface.audit.result import AuditResult, load
from jaxface.core.config import dump_toml
from jaxface.core.io import write_text
from jaxface.report import average_faces, compare_runs, figures
from jaxface.report.compare_runs import Pair
from jaxface.report.context import open_renderer
from jaxface.report.html import FILTERS
from jaxface.report.template import render


def write_comparison(
    first: AuditResult | str | Path, second: AuditResult | str | Path, path: str | Path | None = None
) -> Path:
    """Write the comparison of two runs as one HTML file.

    Args:
        first, second: results or folders; the second is the later one.
        path: the file; None = comparison.html in the second run's folder.

    Raises:
        StoreError: no finished run lies in a folder.
        ConfigError: the runs cannot be compared.
    """
    runs = [run if isinstance(run, AuditResult) else load(run) for run in (first, second)]
    path = runs[1].folder / "comparison.html" if path is None else Path(path)
    write_text(path, comparison_page(*runs))
    return path


def comparison_page(first: AuditResult, second: AuditResult) -> str:
    """The comparison as HTML text; errors as of `write_comparison`."""
    found = compare_runs.pairs(first, second)
    return render(
        "compare",
        FILTERS | {"shares": compare_runs.shares},
        version=__version__,
        headline=compare_runs.headline(found),
        runs=[str(run.folder) for run in (first, second)],
        pairs=[{"pair": pair, "curves": curves(first, second, pair)} for pair in found],
        averages=average_rows(first, second),
        people=compare_runs.same_people(first, second),
        differences=differences(first, second),
    )


def curves(first: AuditResult, second: AuditResult, pair: Pair) -> str:
    """Answers at full expression over falling symmetry, the first run dashed."""
    labels = [change.expression for change in pair.changes]
    lines = [
        run.surfaces.sel(classifier=name, expression=labels)
        .isel(time=-1)
        .transpose("expression", "identity", "symmetry")
        .values
        for run, name in ((first, pair.before), (second, pair.after))
    ]
    figure = figures.paired_curves(first.data["symmetry"].values, lines[0], lines[1], labels)
    return figures.svg(
        figure, f"pair-{pair.name}", f"{pair.name}: probability over falling symmetry, both runs"
    )


def average_rows(first: AuditResult, second: AuditResult) -> list[tuple[str, list[tuple[str, np.ndarray]]]]:
    """The average expressions of both runs, where their head can be loaded."""
    rows = []
    for which, run in (("first run", first), ("second run", second)):
        studio, _ = open_renderer(run)
        if studio is None:
            return []
        for row in average_faces.averages(run, studio, {}):
            rows.append((f"{row.name}, {which}", [(cell.expression, cell.picture) for cell in row.cells]))
    return rows


def differences(first: AuditResult, second: AuditResult) -> list[tuple[str, str, str]]:
    """Config keys that differ, with both values."""

    def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in table.items():
            found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        return found

    before, after = (flat(tomllib.loads(dump_toml(serializable_config(run.config)))) for run in (first, second))
    keys = [key for key in sorted(before | after) if before.get(key) != after.get(key)]
    return [(key, str(before.get(key, "–")), str(after.get(key, "–"))) for key in keys]
