"""Saliency of a run: the average expression of each classifier on the head's mean face (Figs. 23-26)."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import jax
import numpy as np
from PIL import Image

from jaxface.audit import AuditResult
from jaxface.classify import Classifier
from jaxface.core.progress import Progress
from jaxface.report import saliency
from jaxface.report.average_faces import mean_expressions
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.image_encoding import resize
from jaxface.report.levels import changed_level
from jaxface.report.overlays import overlay, values_on_face

SaliencyLevel = Literal["none", "occlusion", "full"]
_CONCURRENT = 2  # classifiers on a CPU: each holds its patches in memory
_EDGE = 144  # pixels of a map, at most


@dataclass(frozen=True)
class SaliencyMap:
    """The saliency of one answer to one face.

    Attributes:
        expression: of the face.
        is_changed: whether the intervention changed the face.
        answer: the expression that is explained; `probability` is the classifier's for it.
        is_target: whether `answer` is the face's expression; else it is the top class, where that differs.
        picture: (size, size, 3) uint8 with the map as heat.
        left: share of the map's absolute sum in the half that is the subject's left.
    """

    expression: str
    is_changed: bool
    answer: str
    probability: float
    is_target: bool
    picture: np.ndarray
    left: float


@dataclass(frozen=True)
class ClassifierSaliency:
    """All maps of one classifier; `gradient` is empty where there are no gradients."""

    name: str
    occlusion: tuple[SaliencyMap, ...] = ()
    gradient: tuple[SaliencyMap, ...] = ()


def explain(
    result: AuditResult,
    renderer: FaceRenderer,
    classifiers: Mapping[str, Classifier],
    level: SaliencyLevel,
    progress: Progress,
) -> list[ClassifierSaliency]:
    """Return the saliency of each classifier's answers to its average faces.

    Args:
        renderer: of the pictures that are shown.
        classifiers: by name.
        level: "occlusion", or "full" with gradient maps, which classifiers on the host do not have.
    """
    means = mean_expressions(result)
    audit_renderer = FaceRenderer(result, renderer.inputs, result.config.render.size)

    def one(name: str) -> ClassifierSaliency | None:
        cells = [(expression, mean) for (owner, expression), mean in means.items() if owner == name]
        return _explain(renderer, audit_renderer, classifiers[name], name, cells, level) if cells else None

    # A small network keeps one core busy, and compiling another: two classifiers at a time share the machine.
    workers = max(1, min(os.cpu_count() or 1, _CONCURRENT)) if jax.default_backend() == "cpu" else 1
    explanations = []
    with ThreadPoolExecutor(workers) as pool:
        for name, explanation in zip(classifiers, pool.map(one, classifiers), strict=True):
            explanations += [explanation] if explanation is not None else []
            progress.advance(1, f"saliency of {name}")
    return explanations


def _explain(
    renderer: FaceRenderer,
    audit_renderer: FaceRenderer,
    classifier: Classifier,
    name: str,
    cells: list[tuple[str, np.ndarray]],
    level: SaliencyLevel,
) -> ClassifierSaliency:
    """Explain one classifier.

    Args:
        audit_renderer: renders at the size that the classifier was audited with.
        cells: expressions with their mean coefficients.
    """
    intervention = renderer.intervention
    steps = intervention.axes[0].unchanged, changed_level(intervention.axes[0])
    faces = [renderer.average(mean) for _, mean in cells for _ in steps]
    dose = np.tile(steps, len(cells))
    labels = [label for label, _ in cells for _ in steps]
    probabilities, losses = saliency.occlusion(
        classifier, audit_renderer.render(faces, dose).astype(np.float32) / 255
    )
    targets = [(face, classifier.index(label), True) for face, label in enumerate(labels)]
    top = [(face, int(probabilities[face].argmax()), False) for face in range(len(faces))]
    answers = targets + [one for one, other in zip(top, targets, strict=True) if one[1] != other[1]]
    pictures = renderer.render(faces, dose)

    def saliency_maps(heats: list[np.ndarray]) -> tuple[SaliencyMap, ...]:
        largest = float(np.quantile(np.abs(np.stack(heats)), 0.995))
        maps = []
        for (face, answer, is_target), heat in zip(answers, heats, strict=True):
            weight = np.abs(heat)
            left = weight[:, weight.shape[1] // 2 :].sum() / max(weight.sum(), 1e-12)
            picture = overlay(pictures[face], resize_map(heat, renderer.size), largest)
            maps.append(
                SaliencyMap(
                    labels[face],
                    bool(dose[face] != steps[0]),
                    classifier.labels[answer],
                    float(probabilities[face, answer]),
                    is_target,
                    resize(picture, min(renderer.size, _EDGE)),
                    float(left),
                )
            )
        return tuple(maps)

    occlusion = saliency_maps(
        [saliency.occlusion_map(losses[face, :, answer], audit_renderer.size) for face, answer, _ in answers]
    )
    displaces = intervention.affine_fields(renderer.head, faces[0]) is not None
    if level != "full" or classifier.on_host or not displaces:
        return ClassifierSaliency(name, occlusion)
    scene = audit_renderer.scene_with_silhouettes()
    heats = []
    for face, answer, _ in answers:
        gradient = saliency.vertex_gradient(
            classifier, renderer.head, faces[face], scene, intervention, dose[face], answer
        )
        density = saliency.skin_density(renderer.head, gradient)
        heats.append(values_on_face(renderer, faces[face], density, dose[face]))
    return ClassifierSaliency(name, occlusion, saliency_maps(heats))


def resize_map(heat: np.ndarray, size: int) -> np.ndarray:
    """Return a map (H, W) as (size, size), bilinear."""
    image = Image.fromarray(np.asarray(heat, np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
