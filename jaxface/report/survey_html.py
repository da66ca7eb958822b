"""The page of a survey: which intervention changes the answers of which classifier."""

import functools
from pathlib import Path
from typing import Literal

import numpy as np

from jaxface import __version__
from jaxface.audit import SurveyResult
from jaxface.audit.contrasts import FLOOR, InterventionEffect
from jaxface.audit.designs import Cross, folder_name
from jaxface.audit.full_expression import ALL
from jaxface.core.io import write_text
from jaxface.core.progress import ProgressLike, choose
from jaxface.report import figures, survey_figures, survey_strips, survey_text
from jaxface.report.figures import colour
from jaxface.report.html import FILTERS
from jaxface.report.matrix import Cell, Matrix
from jaxface.report.page_text import whole_names
from jaxface.report.prose import procedure
from jaxface.report.template import read, render
from jaxface.report.text import p_value, percent, points


def write_survey(
    result: SurveyResult,
    path: str | Path | None = None,
    progress: ProgressLike = None,
    figures: Literal["none", "paper"] = "none",
) -> Path:
    """Write the page of a survey as one HTML file, atomically, and return its path.

    Args:
        path: the file; None = report.html in the survey's folder.
        progress: advances with each intervention; None = a bar where somebody watches.
        figures: "paper" also writes every figure and table as files, into `figures` beside the page.
    """
    path = result.folder / "report.html" if path is None else Path(path)
    if figures == "paper":
        survey_figures.export_survey(result, path.parent / "figures", progress)
    write_text(path, survey_page(result, progress))
    return path


def survey_page(result: SurveyResult, progress: ProgressLike = None) -> str:
    """Return the page of a survey as HTML text."""
    progress = choose(progress)
    sections = []
    progress.start("report", len(result.answers))
    names = list(dict.fromkeys(row.intervention for row in result.effects))
    for name in names:
        sections.append(_section(result, name))
        progress.advance(1, name)
    progress.close()
    classifiers = next(iter(result.answers.values())).classifiers
    return render(
        "survey",
        FILTERS | {"points": points, "whole_names": functools.partial(whole_names, names=classifiers)},
        script=read("survey.js"),
        version=__version__,
        headline=survey_text.headline(result),
        sentences=survey_text.sentences(result),
        classifiers=classifiers,
        colours={name: colour(index) for index, name in enumerate(classifiers)},
        matrix=matrix(result),
        sections=sections,
        notes=survey_text.survey_notes(result),
        crosses=[_cross_section(result, cross) for cross in result.design.crosses],
        floor=FLOOR in names,
        people=next(iter(result.runs.values())).data.sizes["identity"],
        config=result.config,
        all=ALL,
    )


def matrix(result: SurveyResult) -> Matrix:
    """Return interventions by classifiers: the change at the far end, mean over expressions."""
    rows = [row for row in result.effects if row.expression == ALL]
    largest = max((abs(row.effect.mean) for row in rows if row.effect.is_valid), default=0.0) or 1.0
    classifiers = tuple(dict.fromkeys(row.classifier for row in rows))
    names = sorted(
        dict.fromkeys(row.intervention for row in rows),
        key=lambda name: -max(np.nan_to_num(abs(row.effect.mean)) for row in rows if row.intervention == name),
    )
    by_key = {(row.intervention, row.classifier): row for row in rows}

    def cell(row: InterventionEffect) -> Cell:
        if not row.effect.is_valid:
            return Cell("n. m.", description="no expression is measurable")
        significant = row.adjusted_p <= result.config.alpha
        interval = (
            f"{points(row.effect.low)} to {points(row.effect.high)}"
            if row.effect.has_enough_people
            else "too few people to tell"
        )
        description = (
            f"{row.end}: {interval}; p = {p_value(row.adjusted_p)} after the correction; "
            f"{percent(row.flip_share)} change their first answer"
        )
        return Cell(
            points(row.effect.mean),
            f"{row.end} · {percent(row.flip_share)}",
            row.effect.mean / largest,
            significant,
            description,
        )

    return Matrix(
        classifiers, tuple((name, tuple(cell(by_key[name, one]) for one in classifiers)) for name in names)
    )


def _section(result: SurveyResult, name: str) -> dict[str, object]:
    """Return what the page shows of one intervention."""
    run, answers = result.runs[name], result.answers[name]
    rows = [row for row in result.effects if row.intervention == name]
    single = [row for row in rows if row.expression != ALL and row.effect.is_valid]
    strongest = max(single, key=lambda row: abs(row.effect.mean), default=None)
    return {
        "name": name,
        "anchor": folder_name(name),
        "description": procedure(run).rstrip("."),
        "rows": rows,
        "figures": [
            figures.svg(
                survey_figures.dose_figure(result, name, (one,)),
                f"doses-{folder_name(name)}-{one}",
                f"{one}: change over the levels of {name}",
            )
            for one in answers.classifiers
        ],
        "strip": None
        if strongest is None
        else survey_strips.strip(run, strongest.classifier, strongest.expression),
        "dose": answers.axis,
        "folder": folder_name(name),
    }


def _cross_section(result: SurveyResult, cross: Cross) -> dict[str, object]:
    classifiers = next(iter(result.answers.values())).classifiers
    return {
        "name": cross.name,
        "cross": cross,
        "figures": [
            figures.svg(
                survey_figures.cross_figure(result, cross, (one,)),
                f"cross-{folder_name(cross.name)}-{one}",
                f"{one}: change over levels of {cross.name}",
            )
            for one in classifiers
        ],
        "rows": [row for row in result.interactions if (row.first, row.second) == (cross.first, cross.second)],
    }
