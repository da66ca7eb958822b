"""Everything a report shows, computed and rendered once, for the page and for the files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.core.progress import NullProgress, Progress
from jaxface.report import average_faces, faces, figure_data, saliency_maps, slider_faces, tables, verdict
from jaxface.report.average_faces import AverageRow
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.faces import Gallery
from jaxface.report.figure_data import ReportFigure
from jaxface.report.saliency_maps import ClassifierSaliency, SaliencyLevel
from jaxface.report.slider_faces import Sprites
from jaxface.report.tables import ScoreRow, names
from jaxface.report.verdict import ClassifierVerdict, Comparison


@dataclass(frozen=True)
class ReportContext:
    """The contents of a report.

    Attributes:
        rows: one for each classifier and expression.
        verdicts: the largest effect first.
        comparison: of the classifiers with the largest and the smallest effect.
        head_error: why there are no faces; empty where there are.
        sprites, galleries, averages, population, saliency: faces; None or empty where there are none.
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
    saliency_errors: dict[str, str]
    curves: list[ReportFigure]
    surfaces: list[ReportFigure]
    impacts: list[ReportFigure]
    nulls: list[ReportFigure]
