"""Sheets of one face at many steps of symmetry and time: what the page's sliders move through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.audit.result import AuditResult
from jaxface.report import image_encoding
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.tables import names

SYMMETRY = tuple(np.linspace(0.0, 1.0, 9).tolist())
TIME = tuple(np.linspace(0.0, 1.0, 8).tolist())
BYTES = 4_000_000  # of all sheets together, before base64 makes a third more of them
_QUALITIES = (76, 60, 45)
_SMALLEST, _LARGE = 80, 144  # pixels along an edge; faces of more are not made coarser


@dataclass(frozen=True)
class Sprites:
    """One person at every expression that was found.

    Attributes:
        size: pixels along an edge of a face.
        neutral: a data URI: at time 0 all expressions look like this.
        sheets: (classifier, expression) -> data URI: rows of symmetry, columns of time without the first.
    """

    size: int
    neutral: str
    sheets: dict[tuple[str, str], str]


def sprites(result: AuditResult, studio: FaceRenderer, identity: int = 0) -> Sprites:
    """Draw the sheets of one person; faces are made smaller until all sheets keep to `BYTES`."""
    found = {
        (classifier, expression): _sheet(result, studio, identity, classifier, expression)
        for classifier, expression in searched(result, identity)
    }
    neutral = studio.draw([studio.person(identity)])[0]
    size, quality = (
        _fitting(next(iter(found.values())), studio.size, len(found)) if found else (studio.size, 76)
    )
    return Sprites(
        size,
        image_encoding.webp_uri(neutral, size),
        {key: image_encoding.uri(_encoded(drawn, size, quality), "webp") for key, drawn in found.items()},
    )


def _fitting(sheet: np.ndarray, largest: int, count: int) -> tuple[int, int]:
    """Edge and quality at which `count` sheets like this one keep to `BYTES`: first coarser, then smaller."""
    for edge in range(largest, _SMALLEST - 1, -16):
        for quality in _QUALITIES if edge <= _LARGE else _QUALITIES[:1]:
            if len(_encoded(sheet, edge, quality)) * count <= BYTES:
                return edge, quality
    return min(largest, _SMALLEST), _QUALITIES[-1]


def searched(result: AuditResult, identity: int) -> list[tuple[str, str]]:
    """The classifiers and expressions for which the search found this person's face."""
    person = result.data[["expression_parameters", "done"]].isel(identity=identity).load()
    return [
        (classifier, expression)
        for classifier in names(result.data, "classifier")
        for expression in names(result.data, "expression")
        if np.isfinite(person["expression_parameters"].sel(classifier=classifier, expression=expression)).all()
        and bool(person["done"].sel(classifier=classifier, expression=expression))
    ]


def _sheet(
    result: AuditResult, studio: FaceRenderer, identity: int, classifier: str, expression: str
) -> np.ndarray:
    """(S, T - 1, size, size, 3) uint8."""
    cell = result.data["expression_parameters"].sel(classifier=classifier, expression=expression)
    face = studio.person(identity, cell.isel(identity=identity).values)
    symmetry, time = (steps.ravel() for steps in np.meshgrid(SYMMETRY, TIME[1:], indexing="ij"))
    drawn = studio.draw([face] * len(symmetry), symmetry, time)
    return drawn.reshape(len(SYMMETRY), len(TIME) - 1, *drawn.shape[1:])


def _encoded(sheet: np.ndarray, size: int, quality: int) -> bytes:
    joined = np.concatenate(
        [np.concatenate([image_encoding.resized(one, size) for one in row], axis=1) for row in sheet]
    )
    return image_encoding.webp(joined, quality)
