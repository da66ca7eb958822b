"""Saliency of a run: the average expression of each classifier on the head's own face (Figs. 23-26)."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import jax
import numpy as np
from PIL import Image

from jaxface import classify
from jaxface.audit.result import AuditResult
from jaxface.classify import Classifier
from jaxface.core.errors import JaxfaceError
from jaxface.core.progress import Progress
from jaxface.report import saliency
from jaxface.report.average_faces import mean_expressions
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.image_encoding import resized
from jaxface.report.overlays import on_head, overlay
from jaxface.report.tables import names

SaliencyLevel = Literal["none", "occlusion", "full"]
STEPS = (1.0, 0.0)  # of symmetry
_AT_ONCE = 2  # classifiers on a CPU: each holds its patches in memory


@dataclass(frozen=True)
class SaliencyMap:
    """What one answer to one face hangs on.

    Attributes:
        answer: the expression that is explained; `probability` is the classifier's for it.
        target: it is the one that was asked for; else the classifier's first answer, which differs from it.
        picture: (size, size, 3) uint8 with the map as heat.
        left: share of the map's absolute sum in the half that is the subject's left.
    """

    expression: str
    symmetry: float
    answer: str
    probability: float
    target: bool
    picture: np.ndarray
    left: float


@dataclass(frozen=True)
class ClassifierSaliency:
    """All explanations of one classifier; `reason` says why there are none."""

    name: str
    occlusion: tuple[SaliencyMap, ...] = ()
    gradient: tuple[SaliencyMap, ...] = ()
    reason: str = ""


def load_classifiers(result: AuditResult) -> tuple[dict[str, Classifier], dict[str, str]]:
    """The run's classifiers by name, and why some cannot be loaded again."""
    found, missing = {}, {}
    for name, asked in zip(names(result.data, "classifier"), result.config.classifiers, strict=True):
        try:
            one = asked if isinstance(asked, Classifier) else classify.load(asked)
            found[name] = classify.in_bfloat16(one) if result.config.precision == "bfloat16" else one
        except JaxfaceError as error:
            missing[name] = str(error)
    return found, missing


def explain(
    result: AuditResult,
    studio: FaceRenderer,
    classifiers: dict[str, Classifier],
    depth: SaliencyLevel,
    progress: Progress,
) -> list[ClassifierSaliency]:
    """What each classifier's answers to its average faces hang on.

    Args:
        studio: draws the pictures that are shown.
        depth: "occlusion", or "full" with gradient maps, which classifiers on the host have not.
    """
    mean = mean_expressions(result)
    seen = FaceRenderer(result, studio.head, result.config.render.size)

    def one(name: str) -> ClassifierSaliency | None:
        cells = [(expression, found) for (owner, expression), found in mean.items() if owner == name]
        return _explain(studio, seen, classifiers[name], name, cells, depth) if cells else None

    # a small net keeps one core busy, and compiling another: two classifiers at a time share the machine
    workers = max(1, min(os.cpu_count() or 1, _AT_ONCE)) if jax.default_backend() == "cpu" else 1
    explained = []
    with ThreadPoolExecutor(workers) as pool:
        for name, found in zip(classifiers, pool.map(one, classifiers), strict=True):
            explained += [found] if found is not None else []
            progress.advance(1, f"saliency of {name}")
    return explained


def _explain(
    studio: FaceRenderer,
    seen: FaceRenderer,
    classifier: Classifier,
    name: str,
    cells: list[tuple[str, np.ndarray]],
    depth: SaliencyLevel,
) -> ClassifierSaliency:
    """One classifier; `cells` are expressions with their mean coefficients."""
    faces = [studio.average(mean) for _, mean in cells for _ in STEPS]
    steps = np.tile(STEPS, len(cells))
    labels = [label for label, _ in cells for _ in STEPS]
    said, losses = saliency.occlusion(classifier, seen.draw(faces, steps).astype(np.float32) / 255)
    asked = [(face, classifier.index(label), True) for face, label in enumerate(labels)]
    first = [(face, int(said[face].argmax()), False) for face in range(len(faces))]
    wanted = asked + [one for one, other in zip(first, asked, strict=True) if one[1] != other[1]]
    shown = studio.draw(faces, steps)

    def explanations(maps: list[np.ndarray]) -> tuple[SaliencyMap, ...]:
        largest = float(np.quantile(np.abs(np.stack(maps)), 0.995))
        made = []
        for (face, answer, target), heat in zip(wanted, maps, strict=True):
            weight = np.abs(heat)
            left = weight[:, weight.shape[1] // 2 :].sum() / max(weight.sum(), 1e-12)
            picture = overlay(shown[face], resized_map(heat, studio.size), largest)
            made.append(
                SaliencyMap(
                    labels[face],
                    float(steps[face]),
                    classifier.labels[answer],
                    float(said[face, answer]),
                    target,
                    resized(picture, min(studio.size, 144)),
                    float(left),
                )
            )
        return tuple(made)

    hidden = explanations(
        [saliency.occlusion_map(losses[face, :, answer], seen.size) for face, answer, _ in wanted]
    )
    if depth != "full" or classifier.on_host:
        return ClassifierSaliency(name, hidden)
    side, view = studio.result.config.side, seen.with_silhouettes()
    pushed = []
    for face, answer, _ in wanted:
        push = saliency.vertex_push(classifier, studio.head, faces[face], view, steps[face], answer, side)
        density = saliency.skin_density(studio.head, push)
        pushed.append(on_head(studio, faces[face], density, steps[face]))
    return ClassifierSaliency(name, hidden, explanations(pushed))


def resized_map(heat: np.ndarray, size: int) -> np.ndarray:
    """(size, size) a map (H, W), bilinear."""
    drawn = Image.fromarray(np.asarray(heat, np.float32)).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(drawn)
