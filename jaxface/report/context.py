"""What a report is made of: what is counted, drawn and asked once, for the page and for the files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.audit.inputs import load_head
from jaxface.audit.result import AuditResult
from jaxface.core.errors import JaxfaceError
from jaxface.core.progress import NullProgress, Progress
from jaxface.report import average_faces, faces, figure_data, saliency_maps, slider_faces, tables, verdict
from jaxface.report.average_faces import AverageRow
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.faces import Gallery
from jaxface.report.figure_data import ReportFigure
from jaxface.report.saliency_maps import ClassifierSaliency, SaliencyLevel
from jaxface.report.slider_faces import Sprites
from jaxface.report.tables import ScoreRow, names
from jaxface.report.verdict import ClassifierSummary, Comparison


@dataclass(frozen=True)
class ReportContext:
    """A run, told and drawn.

    Attributes:
        rows: one for each classifier and expression.
        verdicts: the largest effect first.
        compared: the classifiers with the largest and the smallest effect.
        missing_head: why there are no faces; empty where there are.
        sprites, galleries, averages, population, explained: faces; None or empty where there are none.
        unexplained: why some classifiers have no saliency.
        curves, surfaces, impacts, nulls: a figure for each classifier.
    """

    result: AuditResult
    rows: list[ScoreRow]
    verdicts: list[ClassifierSummary]
    compared: Comparison | None
    missing_head: str
    sprites: Sprites | None
    galleries: list[Gallery]
    averages: list[AverageRow]
    population: np.ndarray | None
    explained: list[ClassifierSaliency]
    unexplained: dict[str, str]
    curves: list[ReportFigure]
    surfaces: list[ReportFigure]
    impacts: list[ReportFigure]
    nulls: list[ReportFigure]


def build_context(
    result: AuditResult, saliency: SaliencyLevel = "occlusion", progress: Progress | None = None
) -> ReportContext:
    """All of a run's material.

    Args:
        saliency: what answers hang on: "none", "occlusion" maps, or "full" with gradients on the head.
        progress: told of the parts as they are made.
    """
    progress = progress or NullProgress()
    progress.start("report", 6 + (len(names(result.data, "classifier")) if saliency != "none" else 0))
    rows = tables.score_rows(result)
    ordered = verdict.classifier_summaries(result, rows)
    known = [one.name for one in ordered if one.effect.known]
    compared = verdict.comparison(result, known[0], known[-1]) if len(known) > 1 else None
    progress.advance(1, "verdict")
    curves = list(figure_data.curves(result))
    progress.advance(1, "curves")
    surfaces, impacts = list(figure_data.surfaces(result)), list(figure_data.impacts(result))
    nulls = list(figure_data.nulls(result))
    progress.advance(1, "surfaces")
    studio, missing_head = open_renderer(result)
    drawn = slider_faces.sprites(result, studio) if studio else None
    progress.advance(1, "faces under the sliders")
    shown = faces.galleries(result, studio) if studio else []
    progress.advance(1, "faces")
    asked = studio is not None and saliency != "none"
    loaded, unloaded = saliency_maps.load_classifiers(result) if studio else ({}, {})
    averaged = average_faces.averages(result, studio, loaded) if studio else []
    population = average_faces.population(result, studio) if studio else None
    progress.advance(1, "average expressions")
    maps = saliency_maps.explain(result, studio, loaded, saliency, progress) if studio and asked else []
    progress.close()
    return ReportContext(
        result=result,
        rows=rows,
        verdicts=ordered,
        compared=compared,
        missing_head=missing_head,
        sprites=drawn,
        galleries=shown,
        averages=averaged,
        population=population,
        explained=maps,
        unexplained=unloaded if asked else {},
        curves=curves,
        surfaces=surfaces,
        impacts=impacts,
        nulls=nulls,
    )


def open_renderer(result: AuditResult) -> tuple[FaceRenderer | None, str]:
    """What draws the run's faces, or why nothing can: its head may not be where it was."""
    try:
        return FaceRenderer(result, load_head(result.config)), ""
    except JaxfaceError as error:
        return None, str(error)
