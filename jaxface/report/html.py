"""The report: one HTML file that holds all it shows, and asks the network for nothing."""

from __future__ import annotations

import base64
import functools
import gzip
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from jaxface import __version__
from jaxface.audit import timing
from jaxface.audit.inputs import serializable_config
from jaxface.audit.result import AuditResult, load
from jaxface.core.config import dump_toml
from jaxface.core.io import write_text
from jaxface.core.progress import Progress
from jaxface.report import explorer, figure_data, image_encoding, matrix, methods, prose, tables, text, verdict
from jaxface.report.context import ReportContext, build_context
from jaxface.report.exporting import export
from jaxface.report.figure_data import ReportFigure
from jaxface.report.figures import style
from jaxface.report.saliency_maps import SaliencyLevel
from jaxface.report.tables import names
from jaxface.report.template import read, render

FILTERS: dict[str, Callable[..., Any]] = {
    "signed": text.signed,
    "fixed": text.fixed,
    "percent": text.percent,
    "p_value": text.p_value,
    "tint": matrix.tint,
    "picture": image_encoding.webp_uri,
}
_FEW = 6  # classifiers: with more of them, faces in rows are stored smaller
_EDGE, _SMALL_EDGE = 224, 112  # pixels
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
    saliency: SaliencyLevel = "occlusion",
    figures: Literal["none", "paper"] = "none",
) -> Path:
    """Write the report of a run as one HTML file, whole or not at all.

    Args:
        result: what `audit.run` returned, or the run's folder.
        path: the file; None = report.html in the run's folder.
        progress: told of the report's parts as they are made.
        saliency: what answers hang on: "none", "occlusion" maps, or "full" with gradients on the head.
        figures: "paper" also writes every figure and table as files, into `figures` beside the page.

    Returns:
        where it lies.

    Raises:
        StoreError: no finished run lies in the folder.
    """
    if not isinstance(result, AuditResult):
        result = load(result)
    path = result.folder / "report.html" if path is None else Path(path)
    material = build_context(result, saliency, progress)
    if figures == "paper":
        export(material, path.parent / "figures", progress)
    write_text(path, page_of(material))
    return path


def page(result: AuditResult, progress: Progress | None = None, saliency: SaliencyLevel = "occlusion") -> str:
    """The report of a run as HTML text; arguments as of `write`."""
    return page_of(build_context(result, saliency, progress))


def page_of(material: ReportContext) -> str:
    """The page that shows this material."""
    result = material.result
    data, config = result.data, result.config
    classifiers = names(data, "classifier")
    strips = {gallery.name: gallery for gallery in material.galleries}
    cards = [
        (one, strips[one.name].strip(one.strongest) if one.name in strips else None)
        for one in material.verdicts
    ]
    transfer = tables.transfer_rows(result) if len(classifiers) > 1 else []
    search = tables.search_rows(result)
    optional = {
        "transfer": transfer,
        "search": search,
        "found": material.averages,
        "saliency": material.explained or material.unexplained,
    }
    return render(
        "report",
        FILTERS,
        title=prose.title(result),
        version=__version__,
        headline=verdict.headline(material.verdicts, material.compared),
        compared=material.compared,
        summary=prose.headline(result, material.rows),
        verdicts=cards,
        sections=[(anchor, name) for anchor, name in _SECTIONS.items() if optional.get(anchor, True)],
        level="95 %",
        alpha=config.alpha,
        checked=[f"{value:g}" for value in data["probe"].values],
        classifiers=[{"name": name, "colour": style.colour(i)} for i, name in enumerate(classifiers)],
        scores=material.rows,
        matrices={
            "scores": matrix.scores(material.rows),
            "accuracy": matrix.accuracy(material.rows),
            "activation": matrix.activation(material.rows),
        },
        forest=style.svg(figure_data.forest(result, material.rows), "forest", "scores with their intervals"),
        curves=inline(material.curves),
        surfaces=inline(material.surfaces),
        impacts=inline(material.impacts),
        nulls=inline(material.nulls),
        galleries=material.galleries,
        edge=_EDGE if len(classifiers) <= _FEW else _SMALL_EDGE,
        missing_head=material.missing_head,
        averages=material.averages,
        population=material.population,
        explained=material.explained,
        unexplained=material.unexplained,
        face_size=material.sprites.size if material.sprites else 1,
        answers=explorer.data(result, material.sprites),
        plotly=plotly(),
        script=read("report.js"),
        transfer=transfer,
        search_columns=tables.SEARCH_COLUMNS,
        search=search,
        schemes=names(data, "scheme"),
        tests=tables.scheme_rows(result),
        score=prose.score(config),
        scheme=prose.SCHEMES[config.scheme],
        head=prose.head(result),
        run=config,
        paragraph=methods.paragraph(result),
        citations=methods.citations(result),
        environment=[*prose.environment(prose.read_environment(result.folder)), *spent(result.folder)],
        config=dump_toml(serializable_config(config)),
    )


def inline(drawn: Iterable[ReportFigure]) -> list[dict[str, str]]:
    """Figures as parts of the page."""
    return [
        {
            "classifier": drawing.classifier,
            "colour": drawing.colour,
            "svg": style.svg(drawing.figure, drawing.name, drawing.about),
        }
        for drawing in drawn
    ]


@functools.cache
def plotly() -> str:
    """plotly.js, packed; the page unpacks it when the surface comes into sight."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode("ascii")


def spent(folder: Path) -> list[tuple[str, str]]:
    """What the run's time went into, as a row of the facts; none where it is not known."""
    said = timing.line(folder)
    return [("time", said.removeprefix("time: "))] if said else []
