"""The report: one HTML file that holds all it shows, and asks the network for nothing."""

from __future__ import annotations

import base64
import functools
import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jaxface import __version__
from jaxface.audit import timing
from jaxface.audit.result import AuditResult, load
from jaxface.audit.runner import load_head, names_only
from jaxface.audit.store import ENVIRONMENT
from jaxface.core.config import dump_toml
from jaxface.core.errors import JaxfaceError
from jaxface.core.io import write_text
from jaxface.core.progress import Progress, Silent
from jaxface.report import (
    averages,
    drawings,
    explained,
    explorer,
    faces,
    figures,
    matrix,
    pictures,
    sprites,
    tables,
    text,
    verdict,
    words,
)
from jaxface.report.drawings import Drawing
from jaxface.report.explained import Depth
from jaxface.report.studio import Studio
from jaxface.report.tables import names
from jaxface.report.template import read, render

FILTERS: dict[str, Callable[..., Any]] = {
    "signed": text.signed,
    "fixed": text.fixed,
    "percent": text.percent,
    "p_value": text.p_value,
    "tint": matrix.tint,
    "picture": pictures.webp_uri,
}
_SECTIONS = {
    "verdict": "Verdict",
    "explore": "Explore",
    "scores": "Scores",
    "curves": "Curves",
    "faces": "Faces",
    "found": "Expressions",
    "saliency": "Saliency",
    "surfaces": "Surfaces",
    "transfer": "Transfer",
    "search": "Search",
    "tests": "Tests",
    "method": "Method",
    "run": "Run",
}


def write(
    result: AuditResult | str | Path,
    path: str | Path | None = None,
    progress: Progress | None = None,
    saliency: Depth = "occlusion",
) -> Path:
    """Write the report of a run as one HTML file, whole or not at all.

    Args:
        result: what `audit.run` returned, or the run's folder.
        path: the file; None = report.html in the run's folder.
        progress: told of the report's parts as they are made.
        saliency: what answers hang on: "none", "occlusion" maps, or "full" with gradients on the head.

    Returns:
        where it lies.

    Raises:
        StoreError: no finished run lies in the folder.
    """
    if not isinstance(result, AuditResult):
        result = load(result)
    path = result.folder / "report.html" if path is None else Path(path)
    write_text(path, page(result, progress, saliency))
    return path


def page(result: AuditResult, progress: Progress | None = None, saliency: Depth = "occlusion") -> str:
    """The report of a run as HTML text; arguments as of `write`."""
    progress = progress or Silent()
    progress.start("report", 7 + (len(result.config.classifiers) if saliency != "none" else 0))
    data, config = result.data, result.config
    classifiers = names(data, "classifier")
    rows = tables.score_rows(result)
    ordered = verdict.verdicts(result, rows)
    known = [one.name for one in ordered if one.effect.known]
    compared = verdict.comparison(result, known[0], known[-1]) if len(known) > 1 else None
    progress.advance(1, "verdict")
    studio, missing_head = open_studio(result)
    drawn = sprites.sprites(result, studio) if studio else None
    progress.advance(1, "faces under the sliders")
    shown = faces.galleries(result, studio) if studio else []
    progress.advance(1, "faces")
    strips = {gallery.name: gallery for gallery in shown}
    cards = [(one, strips[one.name].strip(one.strongest) if one.name in strips else None) for one in ordered]
    loaded, unloaded = explained.load_classifiers(result)
    averaged = averages.averages(result, studio, loaded) if studio else []
    population = averages.population(result, studio) if studio else None
    progress.advance(1, "average expressions")
    known_maps = []
    if studio and saliency != "none":
        known_maps = explained.explain(result, studio, loaded, saliency, progress)
    curves = inline(drawings.curves(result))
    progress.advance(1, "curves")
    surfaces, impacts = inline(drawings.surfaces(result)), inline(drawings.impacts(result))
    nulls = inline(drawings.nulls(result))
    progress.advance(1, "surfaces")
    transfer = tables.transfer_rows(result) if len(classifiers) > 1 else []
    search = tables.search_rows(result)
    optional = {
        "transfer": transfer,
        "search": search,
        "found": averaged,
        "saliency": known_maps or (unloaded if studio and saliency != "none" else {}),
    }
    html = render(
        "report",
        FILTERS,
        title=words.title(result),
        version=__version__,
        headline=verdict.headline(ordered, compared),
        compared=compared,
        summary=words.headline(result, rows),
        verdicts=cards,
        sections=[(anchor, name) for anchor, name in _SECTIONS.items() if optional.get(anchor, True)],
        level="95 %",
        alpha=config.alpha,
        checked=[f"{value:g}" for value in data["checked_symmetry"].values],
        classifiers=[{"name": name, "colour": figures.colour(i)} for i, name in enumerate(classifiers)],
        scores=rows,
        matrices={
            "scores": matrix.scores(rows),
            "accuracy": matrix.accuracy(rows),
            "activation": matrix.activation(rows),
        },
        forest=figures.svg(drawings.forest(result, rows), "forest", "scores with their intervals"),
        curves=curves,
        surfaces=surfaces,
        impacts=impacts,
        nulls=nulls,
        galleries=shown,
        missing_head=missing_head,
        averages=averaged,
        population=population,
        explained=known_maps,
        unexplained=unloaded if studio and saliency != "none" else {},
        face_size=drawn.size if drawn else 1,
        answers=explorer.data(result, drawn),
        plotly=plotly(),
        script=read("report.js"),
        transfer=transfer,
        search_columns=tables.SEARCH_COLUMNS,
        search=search,
        schemes=names(data, "scheme"),
        tests=tables.test_rows(result),
        score=words.score(config),
        scheme=words.SCHEMES[config.scheme],
        head=words.head(result),
        run=config,
        environment=[*words.environment(read_environment(result.folder)), *spent(result.folder)],
        config=dump_toml(names_only(config)),
    )
    progress.advance(1, "page")
    progress.close()
    return html


def open_studio(result: AuditResult) -> tuple[Studio | None, str]:
    """What draws the run's faces, or why nothing can: its head may not be where it was."""
    try:
        return Studio(result, load_head(result.config)), ""
    except JaxfaceError as error:
        return None, str(error)


def inline(drawn: Iterable[Drawing]) -> list[dict[str, str]]:
    """Figures as parts of the page."""
    return [
        {
            "classifier": drawing.classifier,
            "colour": drawing.colour,
            "svg": figures.svg(drawing.figure, drawing.name, drawing.about),
        }
        for drawing in drawn
    ]


@functools.cache
def plotly() -> str:
    """plotly.js, packed; the page unpacks it when the surface comes into sight."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode("ascii")


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
