"""Faces of one person for each classifier, from the unchanged face to the most changed one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray

from jaxface.audit import AuditResult
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.levels import probe_order
from jaxface.report.losses import ClassifierLosses
from jaxface.report.slider_faces import searched_cells
from jaxface.report.tables import names


@dataclass(frozen=True)
class Face:
    """One picture and the classifier's answer to it.

    Attributes:
        picture: (size, size, 3) uint8.
        dose: level of the dose, as text.
        top_class: the most probable expression.
        probability: of the target expression.
    """

    picture: np.ndarray
    dose: str
    top_class: str
    probability: float


@dataclass(frozen=True)
class Strip:
    """One expression, from the unchanged face to the most changed one."""

    expression: str
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Gallery:
    """All strips of one classifier."""

    name: str
    strips: tuple[Strip, ...]

    def strip(self, expression: str) -> Strip | None:
        """Return the strip of an expression, or None if the search found none for this person."""
        return next((strip for strip in self.strips if strip.expression == expression), None)


def galleries(result: AuditResult, renderer: FaceRenderer, identity: int = 0) -> list[Gallery]:
    """Return for each classifier one person with every expression that the search found."""
    person = result.data.isel(identity=identity)
    order = probe_order(result)
    probes = np.asarray(result.intervention.probe_levels)[order]
    cells = searched_cells(result, identity)
    faces = [
        renderer.person(identity, person["expression_parameters"].sel(classifier=c, expression=e).values)
        for c, e in cells
        for _ in probes
    ]
    images = renderer.render(faces, np.tile(probes, len(cells)))
    images = images.reshape(len(cells), len(probes), *images.shape[1:])
    strips: dict[str, list[Strip]] = {}
    for (classifier, expression), row in zip(cells, images, strict=True):
        cell = person.sel(classifier=classifier, expression=expression)
        strips.setdefault(classifier, []).append(Strip(expression, _faces(row, order, cell, expression)))
    return [Gallery(classifier, tuple(each)) for classifier, each in strips.items()]


def cards(
    result: AuditResult, renderer: FaceRenderer, losses: Mapping[str, ClassifierLosses]
) -> dict[str, Strip]:
    """Return for each classifier its most changed expression, on that expression's typical person."""
    order = probe_order(result)
    probes = np.asarray(result.intervention.probe_levels)[order]
    strips = {}
    for classifier, own in losses.items():
        loss = own.strongest
        if loss is None:
            continue
        cell = result.data.isel(identity=loss.typical).sel(classifier=classifier, expression=loss.expression)
        face = renderer.person(loss.typical, cell["expression_parameters"].values)
        images = renderer.render([face] * len(probes), probes)
        strips[classifier] = Strip(loss.expression, _faces(images, order, cell, loss.expression))
    return strips


def _faces(images: np.ndarray, order: np.ndarray, cell: xarray.Dataset, expression: str) -> tuple[Face, ...]:
    """Return the faces of one row of pictures; `order` has the indices of their probe levels."""
    answers = names(cell, "answer")
    faces = []
    for image, index in zip(images, order, strict=True):
        probe = cell.isel(probe=index)
        faces.append(
            Face(
                picture=image,
                dose=f"{float(probe['probe']):g}",
                top_class=answers[int(probe["probe_top_class"])],
                probability=float(probe["probe_probability"].sel(answer=expression)),
            )
        )
    return tuple(faces)
