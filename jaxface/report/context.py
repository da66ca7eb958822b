"""Everything a report shows, computed and rendered once, for the page and for the files."""

from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.audit.summary import Comparison
from jaxface.core.progress import ProgressLike, choose
from jaxface.report import (
    average_faces,
    faces,
    first_lines,
    loading,
    saliency_maps,
    slider_faces,
    tables,
    verdict,
)
from jaxface.report.average_faces import AverageRow
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.faces import Gallery, Strip
from jaxface.report.losses import ClassifierLosses, LossComparison, classifier_losses, extremes
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
        comparison: of the classifiers with the largest and the smallest score.
        head_error: why there are no faces; empty where there are.
        sprites, galleries, averages, population, saliency: faces; None or empty where there are none.
        saliency_level: of the maps.
        saliency_errors: why some classifiers have no saliency, by name.
        extremes: of those that lose most and least at the full expression.
        losses: what each classifier loses at the full expression, by its name.
        cards: the typical person's faces with each classifier's most changed expression, by its name.
    """

    result: AuditResult
    rows: list[ScoreRow]
    verdicts: list[ClassifierVerdict]
    comparison: Comparison | None
    extremes: LossComparison | None
    head_error: str
    sprites: Sprites | None
    galleries: list[Gallery]
    averages: list[AverageRow]
    population: np.ndarray | None
    saliency: list[ClassifierSaliency]
    saliency_level: SaliencyLevel
    saliency_errors: dict[str, str]
    losses: dict[str, ClassifierLosses]
    cards: dict[str, Strip]


def build_context(
    result: AuditResult, saliency: SaliencyLevel = "occlusion", progress: ProgressLike = None
) -> ReportContext:
    """Return everything that the report of a run shows.

    Args:
        saliency: "none", "occlusion" maps, or "full" with gradient maps on the head.
        progress: advances with each part; None = a bar where somebody watches.
    """
    progress = choose(progress)
    progress.start("report", 4 + (len(names(result.data, "classifier")) if saliency != "none" else 0))
    rows = tables.score_rows(result)
    verdicts = verdict.classifier_verdicts(result)
    comparison = first_lines.comparison(result, verdicts)
    losses = classifier_losses(result)
    loss_comparison = extremes(result)
    progress.advance(1, "verdict")
    face_inputs, head_error = loading.load_face_inputs(result)
    renderer = FaceRenderer(result, face_inputs) if face_inputs else None
    sprites = slider_faces.sprites(result, renderer) if renderer else None
    progress.advance(1, "faces under the sliders")
    galleries = faces.galleries(result, renderer) if renderer else []
    cards = faces.cards(result, renderer, losses) if renderer else {}
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
        extremes=loss_comparison,
        head_error=head_error,
        sprites=sprites,
        galleries=galleries,
        averages=averages,
        population=population,
        saliency=maps,
        saliency_level=saliency,
        saliency_errors=errors,
        losses=losses,
        cards=cards,
    )
