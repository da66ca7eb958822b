"""The page that compares two runs: `jaxface report A B`."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from jaxface import __version__
from jaxface.audit import AuditResult, load
from jaxface.audit.changes import same_people
from jaxface.audit.inputs import serializable_config
from jaxface.core.config import dump_toml
from jaxface.core.io import write_text
from jaxface.report import average_faces, compare_runs, figures
from jaxface.report.compare_runs import Pair
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.html import FILTERS
from jaxface.report.loading import load_face_inputs
from jaxface.report.template import render


def write_comparison(
    first: AuditResult | str | Path, second: AuditResult | str | Path, path: str | Path | None = None
) -> Path:
    """Write the comparison of two runs as one HTML file, and return its path.

    Args:
        first, second: results or folders; the second is the later one.
        path: the file; None = comparison.html in the second run's folder.

    Raises:
        StoreError: a folder holds no finished run.
        ConfigError: the runs cannot be compared.
    """
    runs = [run if isinstance(run, AuditResult) else load(run) for run in (first, second)]
    path = runs[1].folder / "comparison.html" if path is None else Path(path)
    write_text(path, comparison_page(*runs))
    return path


def comparison_page(first: AuditResult, second: AuditResult) -> str:
    """Return the comparison as HTML text; errors as of `write_comparison`."""
    pairs = compare_runs.pairs(first, second)
    return render(
        "compare",
        FILTERS | {"shares": compare_runs.shares},
        version=__version__,
        wording=first.intervention.wording,
        headline=compare_runs.headline(pairs, first.intervention.wording),
        runs=[str(run.folder) for run in (first, second)],
        pairs=[{"pair": pair, "curves": curves(first, second, pair)} for pair in pairs],
        averages=average_rows(first, second),
        people=same_people(first, second),
        differences=differences(first, second),
    )


def curves(first: AuditResult, second: AuditResult, pair: Pair) -> list[str]:
    """Return the answers to the full expression over the dose as SVGs, the first run dashed."""
    dose, time = first.intervention.axes
    labels = [change.expression for change in pair.change.expressions]
    lines = [
        run.surfaces.sel(classifier=name, expression=labels)
        .isel({time.name: -1})
        .transpose("expression", "identity", dose.name)
        .values
        for run, name in ((first, pair.change.before), (second, pair.change.after))
    ]
    svgs = []
    for index, label in enumerate(labels):
        part = slice(index, index + 1)
        figure = figures.paired_curves(dose, lines[0][part], lines[1][part], [label])
        description = f"{pair.change.name}: probability of {label} over {dose.name}, both runs"
        svgs.append(figures.svg(figure, f"pair-{pair.change.name}-{label}", description))
    return svgs


def average_rows(first: AuditResult, second: AuditResult) -> list[tuple[str, list[tuple[str, np.ndarray]]]]:
    """Return the average expressions of both runs; none if a head cannot be loaded."""
    rows = []
    for which, run in (("first run", first), ("second run", second)):
        face_inputs, _ = load_face_inputs(run)
        if face_inputs is None:
            return []
        for row in average_faces.averages(run, FaceRenderer(run, face_inputs), {}):
            rows.append((f"{row.name}, {which}", [(cell.expression, cell.picture) for cell in row.cells]))
    return rows


def differences(first: AuditResult, second: AuditResult) -> list[tuple[str, str, str]]:
    """Return the config keys that differ, with both values."""

    def flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for key, value in table.items():
            flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        return flat

    before, after = (
        flatten(tomllib.loads(dump_toml(serializable_config(run.config)))) for run in (first, second)
    )
    keys = [key for key in sorted(before | after) if before.get(key) != after.get(key)]
    return [(key, str(before.get(key, "–")), str(after.get(key, "–"))) for key in keys]
