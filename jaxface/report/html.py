"""The report: one HTML file that holds all it shows, and asks the network for nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from jaxface import __version__
from jaxface.audit import timing
from jaxface.audit.result import AuditResult, load
from jaxface.audit.runner import load_head, names_only
from jaxface.audit.store import ENVIRONMENT
from jaxface.core.config import dump_toml
from jaxface.core.errors import JaxfaceError
from jaxface.core.io import write_text
from jaxface.report import faces, figures, tables, words
from jaxface.report.tables import ScoreRow, names
from jaxface.report.template import render


def write(result: AuditResult | str | Path, path: str | Path | None = None) -> Path:
    """Write the report of a run as one HTML file, whole or not at all.

    Args:
        result: what `audit.run` returned, or the run's folder.
        path: the file; None = report.html in the run's folder.

    Returns:
        where it lies.

    Raises:
        StoreError: no finished run lies in the folder.
    """
    if not isinstance(result, AuditResult):
        result = load(result)
    path = result.folder / "report.html" if path is None else Path(path)
    write_text(path, page(result))
    return path


def page(result: AuditResult) -> str:
    """The report of a run as HTML text."""
    data, config = result.data, result.config
    classifiers, expressions = names(data, "classifier"), names(data, "expression")
    rows = tables.score_rows(result)
    shown, missing_head = galleries(result)
    return render(
        "report",
        {"signed": signed, "fixed": fixed, "percent": tables.percent, "p_value": p_value},
        title=words.title(result),
        version=__version__,
        headline=words.headline(result, rows),
        level="95 %",
        alpha=config.alpha,
        checked=[f"{value:g}" for value in data["checked_symmetry"].values],
        classifiers=[
            {"name": name, "colour": figures.style_of(index)["color"]} for index, name in enumerate(classifiers)
        ],
        scores=rows,
        forest=forest(rows, len(classifiers), expressions, config.per),
        panels=panels(result, classifiers, expressions),
        galleries=shown,
        missing_head=missing_head,
        transfer=tables.transfer_rows(result) if len(classifiers) > 1 else [],
        search_columns=tables.SEARCH_COLUMNS,
        search=tables.search_rows(result),
        schemes=names(data, "scheme"),
        tests=tables.test_rows(result),
        score=words.score(config),
        scheme=words.SCHEMES[config.scheme],
        head=words.head(result),
        run=config,
        environment=[*words.environment(read_environment(result.folder)), *spent(result.folder)],
        config=dump_toml(names_only(config)),
    )


def galleries(result: AuditResult) -> tuple[list[faces.Gallery], str]:
    """The faces of the run, or why they cannot be drawn: its head may not be where it was."""
    try:
        return faces.galleries(result, load_head(result.config)), ""
    except JaxfaceError as error:
        return [], str(error)


def read_environment(folder: Path) -> dict[str, Any]:
    """What the run noted of its machine; empty where the file is gone."""
    try:
        return json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def spent(folder: Path) -> list[tuple[str, str]]:
    """What the run's time went into, as a row of the facts; none where it is not known."""
    said = timing.line(folder)
    return [("time", said.removeprefix("time: "))] if said else []


def forest(rows: list[ScoreRow], classifiers: int, expressions: list[str], per: str) -> str:
    """The figure of all scores with their intervals; expressions that nobody knows are left out."""
    shape = (classifiers, len(expressions))
    score, low, high = (
        np.array([getattr(row, name) for row in rows]).reshape(shape) for name in ("score", "low", "high")
    )
    known = np.isfinite(score).any(axis=0)
    named = [name for name, some in zip(expressions, known, strict=True) if some]
    return figures.forest(score[:, known], low[:, known], high[:, known], named, per)


def panels(result: AuditResult, classifiers: list[str], expressions: list[str]) -> list[str]:
    """The curves at full expression, a figure for each expression."""
    peak = result.data["probability"].isel(time=-1).values
    symmetry = result.data["symmetry"].values
    return [
        figures.activation_panel(symmetry, peak[:, index], classifiers, name)
        for index, name in enumerate(expressions)
        if np.isfinite(peak[:, index]).any()
    ]


def signed(value: float) -> str:
    """A score: sign and four decimals."""
    return "–" if math.isnan(value) else f"{value:+.4f}".replace("-", "−")


def p_value(value: float) -> str:
    """A p-value: two digits that count."""
    return "–" if math.isnan(value) else f"{value:.2g}"


def fixed(value: float) -> str:
    """A probability."""
    return "–" if math.isnan(value) else f"{value:.2f}"
