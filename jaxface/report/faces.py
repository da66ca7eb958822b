"""The faces of the report: what was found for each classifier, whole and with a side frozen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.audit.result import AuditResult
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.slider_faces import searched
from jaxface.report.tables import names


@dataclass(frozen=True)
class Face:
    """One picture and what the classifier said of it.

    Attributes:
        picture: (size, size, 3) uint8.
        symmetry: as text.
        top: the classifier's first answer.
        probability: of the expression that was asked for.
    """

    picture: np.ndarray
    symmetry: str
    top: str
    probability: float


@dataclass(frozen=True)
class Strip:
    """One expression at falling symmetry."""

    expression: str
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Gallery:
    """All strips of one classifier."""

    name: str
    strips: tuple[Strip, ...]

    def strip(self, expression: str) -> Strip | None:
        """The strip of an expression, if it was found for this person."""
        return next((strip for strip in self.strips if strip.expression == expression), None)


def galleries(result: AuditResult, studio: FaceRenderer, identity: int = 0) -> list[Gallery]:
    """For each classifier one person with every expression that was found."""
    people = result.data.isel(identity=identity)
    checked = np.sort(people["probe"].values)[::-1]
    wanted = searched(result, identity)
    faces = [
        studio.person(identity, people["expression_parameters"].sel(classifier=c, expression=e).values)
        for c, e in wanted
        for _ in checked
    ]
    drawn = studio.draw(faces, np.tile(checked, len(wanted))).reshape(
        len(wanted), len(checked), studio.size, studio.size, 3
    )
    strips: dict[str, list[Strip]] = {}
    for (classifier, expression), images in zip(wanted, drawn, strict=True):
        cell = people.sel(classifier=classifier, expression=expression)
        strips.setdefault(classifier, []).append(Strip(expression, _faces(images, checked, cell, expression)))
    return [Gallery(classifier, tuple(some)) for classifier, some in strips.items()]


def _faces(images: np.ndarray, checked: np.ndarray, cell, expression: str) -> tuple[Face, ...]:  # type: ignore[no-untyped-def]
    answers = names(cell, "answer")
    found = []
    for image, symmetry in zip(images, checked, strict=True):
        said = cell.sel(probe=symmetry)
        found.append(
            Face(
                picture=image,
                symmetry=f"{symmetry:g}",
                top=answers[int(said["probe_top_class"])],
                probability=float(said["probe_probability"].sel(answer=expression)),
            )
        )
    return tuple(found)
