"""Sheets of one face at many levels of dose and time: the pictures behind the page's sliders."""

from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.interventions import Axis
from jaxface.report import image_encoding
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.tables import names

BYTES = 4_000_000
"""Limit for all sheets together, before base64 makes them a third larger."""

_DOSES, _TIMES = 9, 8  # levels in a sheet
_QUALITIES = (76, 60, 45)  # of WebP
_SMALLEST, _LARGE = 80, 144  # pixels along an edge; larger faces keep the best quality


@dataclass(frozen=True)
class Sprites:
    """One person with every expression that the search found.

    Attributes:
        size: pixels along an edge of a face.
        neutral: data URI of the face at time 0, the same for all expressions and doses.
        sheets: (classifier, expression) -> data URI: a row for each dose, a column for each time but the first.
        dose, time: (9,) and (8,) levels.
    """

    size: int
    neutral: str
    sheets: dict[tuple[str, str], str]
    dose: np.ndarray
    time: np.ndarray


def sprites(result: AuditResult, renderer: FaceRenderer, identity: int = 0) -> Sprites:
    """Render the sheets of one person; faces get smaller until all sheets fit into `BYTES`."""
    dose, time = (
        equidistant(axis, count) for axis, count in zip(result.intervention.axes, (_DOSES, _TIMES), strict=True)
    )
    sheets = {
        (classifier, expression): _sheet(result, renderer, identity, classifier, expression, dose, time[1:])
        for classifier, expression in searched_cells(result, identity)
    }
    neutral = renderer.render([renderer.person(identity)])[0]
    size, quality = renderer.size, _QUALITIES[0]
    if sheets:
        size, quality = _fit(next(iter(sheets.values())), renderer.size, len(sheets))
    return Sprites(
        size,
        image_encoding.webp_uri(neutral, size),
        {key: image_encoding.uri(_encode(sheet, size, quality), "webp") for key, sheet in sheets.items()},
        dose,
        time,
    )


def equidistant(axis: Axis, count: int) -> np.ndarray:
    """Return (count,) levels from the first to the last level of an axis."""
    return np.linspace(axis.levels[0], axis.levels[-1], count)


def _fit(sheet: np.ndarray, largest: int, count: int) -> tuple[int, int]:
    """Return edge and quality at which `count` sheets like this one fit into `BYTES`.

    The quality falls first, then the edge.
    """
    for edge in range(largest, _SMALLEST - 1, -16):
        for quality in _QUALITIES if edge <= _LARGE else _QUALITIES[:1]:
            if len(_encode(sheet, edge, quality)) * count <= BYTES:
                return edge, quality
    return min(largest, _SMALLEST), _QUALITIES[-1]


def searched_cells(result: AuditResult, identity: int) -> list[tuple[str, str]]:
    """Return (classifier, expression) pairs for which the search found this person's face."""
    person = result.data[["expression_parameters", "done"]].isel(identity=identity).load()
    return [
        (classifier, expression)
        for classifier in names(result.data, "classifier")
        for expression in names(result.data, "expression")
        if np.isfinite(person["expression_parameters"].sel(classifier=classifier, expression=expression)).all()
        and bool(person["done"].sel(classifier=classifier, expression=expression))
    ]


def _sheet(
    result: AuditResult,
    renderer: FaceRenderer,
    identity: int,
    classifier: str,
    expression: str,
    dose: np.ndarray,
    time: np.ndarray,
) -> np.ndarray:
    """Return (D, T, size, size, 3) uint8."""
    cell = result.data["expression_parameters"].sel(classifier=classifier, expression=expression)
    face = renderer.person(identity, cell.isel(identity=identity).values)
    doses, times = (levels.ravel() for levels in np.meshgrid(dose, time, indexing="ij"))
    images = renderer.render([face] * len(doses), doses, times)
    return images.reshape(len(dose), len(time), *images.shape[1:])


def _encode(sheet: np.ndarray, size: int, quality: int) -> bytes:
    """Return (D, T, H, H, 3) pictures, resized, as one WebP file."""
    rows = [np.concatenate([image_encoding.resize(one, size) for one in row], axis=1) for row in sheet]
    return image_encoding.webp(np.concatenate(rows), quality)
