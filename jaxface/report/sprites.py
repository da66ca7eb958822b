"""Sheets of one face at many steps of symmetry and time: what the page's sliders move through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.audit.result import AuditResult
from jaxface.report import pictures
from jaxface.report.studio import Studio
from jaxface.report.tables import names

SYMMETRY = tuple(np.linspace(0.0, 1.0, 9).tolist())
TIME = tuple(np.linspace(0.0, 1.0, 8).tolist())
BYTES = 7_000_000  # of all sheets together, before base64 makes a third more of them
_QUALITY = 76
_SMALLEST = 96


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


def sprites(result: AuditResult, studio: Studio, identity: int = 0) -> Sprites:
    """Draw the sheets of one person; faces are made smaller until all sheets keep to `BYTES`."""
    found = {
        (classifier, expression): _sheet(result, studio, identity, classifier, expression)
        for classifier, expression in searched(result, identity)
    }
    neutral = studio.draw([studio.person(identity)])[0]
    size = studio.size
    allowed = BYTES / max(len(found), 1)
    if found:
        first = next(iter(found.values()))
        while size > _SMALLEST and len(_encoded(first, size)) > allowed:
            size -= 16
    return Sprites(
        size,
        pictures.webp_uri(pictures.resized(neutral, size)),
        {key: pictures.uri(_encoded(drawn, size), "webp") for key, drawn in found.items()},
    )


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


def _sheet(result: AuditResult, studio: Studio, identity: int, classifier: str, expression: str) -> np.ndarray:
    """(S, T - 1, size, size, 3) uint8."""
    cell = result.data["expression_parameters"].sel(classifier=classifier, expression=expression)
    face = studio.person(identity, cell.isel(identity=identity).values)
    symmetry, time = (steps.ravel() for steps in np.meshgrid(SYMMETRY, TIME[1:], indexing="ij"))
    drawn = studio.draw([face] * len(symmetry), symmetry, time)
    return drawn.reshape(len(SYMMETRY), len(TIME) - 1, *drawn.shape[1:])


def _encoded(sheet: np.ndarray, size: int) -> bytes:
    joined = np.concatenate(
        [np.concatenate([pictures.resized(one, size) for one in row], axis=1) for row in sheet]
    )
    return pictures.webp(joined, _QUALITY)
