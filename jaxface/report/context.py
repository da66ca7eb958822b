"""Everything a report shows, computed and rendered once, for the page and for the files."""

from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.audit.summary import Comparison
from jaxface.core.progress import ProgressLike, choose
from jaxface.report import (
    average_faces,
    faces,
    figure_data,
    loading,
    saliency_maps,
    slider_faces,
    tables,
    verdict,
)
from jaxface.report.average_faces import AverageRow
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.faces import Gallery
from jaxface.report.figure_data import ReportFigure
from jaxface.report.saliency_maps import ClassifierSaliency, SaliencyLevel
from jaxface.report.slider_faces import Sprites
from jaxface.report.tables import ScoreRow, names
from jaxface.report.verdict import ClassifierVerdict


@dataclass(frozen=True)
class ReportContext:
    """The contents of a report.

    Attributes:
        rows: one for each classifier and expression.
        verdicts: the largest effect first.
        comparison: of the classifiers with the largest and the smallest effect.
        head_error: why there are no faces; empty where there are.
        sprites, galleries, averages, population, saliency: faces; None or empty where there are none.
        saliency_level: of the maps.
        saliency_errors: why some classifiers have no saliency, by name.
        curves, surfaces, impacts, nulls: a figure for each classifier.
    """

    result: AuditResult
    rows: list[ScoreRow]
    verdicts: list[ClassifierVerdict]
    comparison: Comparison | None
    head_error: str
    sprites: Sprites | None
    galleries: list[Gallery]
    averages: list[AverageRow]
    population: np.ndarray | None
    saliency: list[ClassifierSaliency]
    saliency_level: SaliencyLevel
    saliency_errors: dict[str, str]
    curves: list[ReportFigure]
    surfaces: list[ReportFigure]
    impacts: list[ReportFigure]
    nulls: list[ReportFigure]


def build_context(
    result: AuditResult, saliency: SaliencyLevel = "occlusion", progress: ProgressLike = None
) -> ReportContext:
    """Return everything that the report of a run shows.

    Args:
        saliency: "none", "occlusion" maps, or "full" with gradient maps on the head.
        progress: advances with each part; None = a bar where somebody watches.
    """
    progress = choose(progress)
    progress.start("report", 6 + (len(names(result.data, "classifier")) if saliency != "none" else 0))
    rows = tables.score_rows(result)
    verdicts = verdict.classifier_verdicts(result)
    comparison = verdict.comparison(result, verdicts)
    progress.advance(1, "verdict")
    curves = list(figure_data.curves(result))
    progress.advance(1, "curves")
    surfaces, impacts = list(figure_data.surfaces(result)), list(figure_data.impacts(result))
    nulls = list(figure_data.nulls(result))
    progress.advance(1, "surfaces")
    face_inputs, head_error = loading.load_face_inputs(result)
    renderer = FaceRenderer(result, face_inputs) if face_inputs else None
    sprites = slider_faces.sprites(result, renderer) if renderer else None
    progress.advance(1, "faces under the sliders")
    galleries = faces.galleries(result, renderer) if renderer else []
    progress.advance(1, "faces")
    classifiers, errors = loading.load_classifiers(result) if renderer else ({}, {})
    averages = average_faces.averages(result, renderer, classifiers) if renderer else []
    population = average_faces.population(result, renderer) if renderer else None
    progress.advance(1, "average expressions")
    maps: list[ClassifierSaliency] = []
    if renderer is not None and saliency != "none":
        maps = saliency_maps.explain(result, renderer, classifiers, saliency, progress)
    else:
        errors = {}
    progress.close()
    return ReportContext(
        result=result,
        rows=rows,
        verdicts=verdicts,
        comparison=comparison,
        head_error=head_error,
        sprites=sprites,
        galleries=galleries,
        averages=averages,
        population=population,
        saliency=maps,
        saliency_level=saliency,
        saliency_errors=errors,
        curves=curves,
        surfaces=surfaces,
        impacts=impacts,
        nulls=nulls,
    )
