"""The report: one HTML file with everything it shows; it requests nothing from the network."""

import base64
import functools
import gzip
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from jaxface import __version__
from jaxface.audit import AuditResult, load, timing
from jaxface.audit.claims import paper_claims
from jaxface.audit.inputs import serializable_config
from jaxface.core.config import dump_toml
from jaxface.core.io import write_text
from jaxface.core.progress import ProgressLike
from jaxface.interventions import Axis
from jaxface.report import (
    explorer,
    figure_data,
    first_lines,
    image_encoding,
    matrix,
    methods,
    prose,
    tables,
    text,
)
from jaxface.report.context import ReportContext, build_context
from jaxface.report.exporting import export
from jaxface.report.figure_data import ReportFigure
from jaxface.report.figures import css_gradient, style
from jaxface.report.levels import changed_level
from jaxface.report.page_keys import NO_FACES, is_current, page_key
from jaxface.report.page_text import whole_names
from jaxface.report.saliency_maps import SaliencyLevel
from jaxface.report.tables import names
from jaxface.report.template import read, render
from jaxface.stats import CORRECTIONS, SCHEMES

FILTERS: dict[str, Callable[..., Any]] = {
    "signed": text.signed,
    "fixed": text.fixed,
    "percent": text.percent,
    "p_value": text.p_value,
    "points": text.points,
    "tint": matrix.tint,
    "picture": image_encoding.webp_uri,
}
_FEW = 6  # classifiers: with more of them, faces in rows are stored smaller
_FOREST = 4.8  # inches: as wide as two columns leave
_EDGE, _SMALL_EDGE = 224, 112  # pixels
_SECTIONS = {
    "verdict": "Verdict",
    "explore": "Explore",
    "scores": "Scores",
    "people": "By group",
    "groups": "Differences",
    "curves": "Curves",
    "faces": "Faces",
    "expressions": "Expressions",
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
    progress: ProgressLike = None,
    saliency: SaliencyLevel = "occlusion",
    figures: Literal["none", "paper"] = "none",
    observation: Path | None = None,
    keep: bool = False,
) -> Path:
    """Write the report of a run as one HTML file, atomically.

    Head, classifiers and intervention come from the result if it holds them, and are loaded if it was read from
    a folder.

    Args:
        result: of `audit.run`, or the run's folder.
        path: the file; None = report.html in the run's folder.
        progress: advances with each part; None = a bar where somebody watches.
        saliency: "none", "occlusion" maps, or "full" with gradient maps on the head.
        figures: "paper" also writes every figure and table as files, into `figures` beside the page.
        observation: folder of an observation of photographs: the other half of Table 4, among these files.
        keep: leave the page that is there, if it is this one.

    Returns:
        the path of the file.

    Raises:
        StoreError: the folder holds no finished run.
    """
    if not isinstance(result, AuditResult):
        result = load(result)
    path = result.folder / "report.html" if path is None else Path(path)
    if keep and figures == "none" and is_current(path, page_key(result, saliency)):
        return path
    context = build_context(result, saliency, progress)
    if figures == "paper":
        export(context, path.parent / "figures", progress, observation)
    write_text(path, page_of(context))
    return path


def page(result: AuditResult, progress: ProgressLike = None, saliency: SaliencyLevel = "occlusion") -> str:
    """Return the report of a run as HTML text; arguments as of `write`."""
    return page_of(build_context(result, saliency, progress))


def page_of(context: ReportContext) -> str:
    """Return the page that shows a report's contents."""
    result = context.result
    data, config, intervention = result.data, result.config, result.intervention
    dose, time = intervention.axes
    people_groups = tables.people_groups(result)
    classifiers = names(data, "classifier")
    cards = [(one, context.losses[one.name], context.cards.get(one.name)) for one in context.verdicts]
    transfer = tables.transfer_rows(result) if len(classifiers) > 1 else []
    search = tables.search_rows(result)
    claims = paper_claims(result.summary, data.attrs["classifiers"]) if intervention.name == "symmetry" else []
    class_groups = [row for row in result.summary.groups if not row.classifier]
    optional = {
        "transfer": transfer,
        "people": people_groups,
        "groups": class_groups or result.summary.comparisons or claims,
        "search": search,
        "expressions": context.averages,
        "saliency": context.saliency or context.saliency_errors,
    }
    comparison = context.comparison
    forest = figure_data.forest(result, context.rows, _FOREST)
    return render(
        "report",
        FILTERS | {"whole_names": functools.partial(whole_names, names=classifiers)},
        key=NO_FACES if context.head_error else page_key(result, context.saliency_level),
        title=prose.title(result),
        version=__version__,
        intervention=intervention,
        dose=dose,
        time=time,
        wording=intervention.wording,
        procedure=prose.procedure(result),
        grid=prose.grid(result),
        step=slider_step,
        start=slider_start(dose),
        headline=first_lines.headline(context.verdicts, result),
        how_bad=first_lines.losses_sentence(context.verdicts, context.losses),
        which_is_worse=first_lines.which_is_worse(context.extremes, result) if context.extremes else "",
        comparison=first_lines.comparison_sentence(comparison, result) if comparison else "",
        summary=prose.headline(result, context.rows),
        verdicts=cards,
        sections=[(anchor, name) for anchor, name in _SECTIONS.items() if optional.get(anchor, True)],
        level=tables.interval_name(result),
        alpha=config.alpha,
        probes=[f"{level:g}" for level in intervention.probe_levels],
        classifiers=[{"name": name, "colour": style.colour(i)} for i, name in enumerate(classifiers)],
        colours={name: style.colour(i) for i, name in enumerate(classifiers)},
        scores=context.rows,
        notes=tables.notes(result),
        cautions=[f"{row.classifier}, {row.expression}: {row.note}" for row in context.rows if row.note],
        matrices={
            "scores": matrix.scores(context.rows),
            "accuracy": matrix.accuracy(context.rows),
            "activation": matrix.activation(context.rows),
            "differences": matrix.differences(result),
        },
        people_groups=people_groups,
        given_people="people" in data.attrs,
        groups=class_groups,
        claims=claims,
        forest=style.svg(forest, "forest", "scores with their intervals"),
        curves=inline(figure_data.curves(result, split=True)),
        surfaces=inline(figure_data.surfaces(result, split=True)),
        impacts=inline(figure_data.impacts(result, split=True)),
        nulls=inline(figure_data.nulls(result, split=True)),
        gradients=[css_gradient(is_change) for is_change in (False, True)],
        largest_impact=figure_data.mean_impacts(result)[1],
        galleries=context.galleries,
        edge=_EDGE if len(classifiers) <= _FEW else _SMALL_EDGE,
        head_error=context.head_error,
        averages=context.averages,
        population=context.population,
        saliency=context.saliency,
        saliency_level=context.saliency_level,
        saliency_errors=context.saliency_errors,
        face_size=context.sprites.size if context.sprites else 1,
        answers=explorer.data(result, context.sprites),
        plotly=plotly(),
        script=read("report.js"),
        transfer=transfer,
        search_columns=tables.SEARCH_COLUMNS,
        search=search,
        schemes={name: SCHEMES[name] for name in names(data, "scheme")},
        correction=CORRECTIONS[config.correction],
        score=prose.score(result),
        scheme=SCHEMES[config.scheme].description,
        head=prose.head(result),
        people=prose.people(result),
        run=config,
        paragraph=methods.paragraph(result),
        citations=methods.citations(result),
        environment=[*prose.environment(prose.read_environment(result.folder)), *time_rows(result.folder)],
        config=dump_toml(serializable_config(config)),
    )


def inline(several: Iterable[ReportFigure]) -> list[dict[str, Any]]:
    """Return the figures of each classifier as elements of the page."""
    groups = itertools.groupby(several, key=lambda one: (one.classifier, one.colour))
    return [
        {
            "classifier": classifier,
            "colour": colour,
            "svgs": [style.svg(one.figure, one.name, one.description) for one in own],
        }
        for (classifier, colour), own in groups
    ]


def slider_step(axis: Axis) -> float:
    """Return the step of a slider along an axis: a hundredth of its range."""
    return (axis.levels[-1] - axis.levels[0]) / 100


def slider_start(dose: Axis) -> float:
    """Return where the dose's slider starts: a third of the way from changed to unchanged."""
    far_end = changed_level(dose)
    return far_end + 0.33 * (dose.unchanged - far_end)


@functools.cache
def plotly() -> str:
    """Return plotly.js, compressed; the page decompresses it when the surface scrolls into view."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode("ascii")


def time_rows(folder: Path) -> list[tuple[str, str]]:
    """Return the times of the run's stages as a row of facts; none if there is no record."""
    line = timing.line(folder)
    return [("time", line.removeprefix("time: "))] if line else []
