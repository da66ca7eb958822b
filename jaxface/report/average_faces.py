"""Average expressions: what each classifier takes for a smile (Facing Asymmetry, Figs. 2, 9-14)."""

from dataclasses import dataclass

import numpy as np

from jaxface.audit import AuditResult
from jaxface.classify import Classifier
from jaxface.core.runtime import brief
from jaxface.face import geometry
from jaxface.report import image_encoding
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.overlays import overlay, values_on_face
from jaxface.report.tables import names

_MOST_PEOPLE = 200  # on the population sheet, as in the paper
_SMALL = 80  # pixels of a person on it


@dataclass(frozen=True)
class Average:
    """One average expression.

    Attributes:
        picture: (size, size, 3) uint8.
        displacement: (size, size, 3) uint8, the picture with the displacement of the skin as heat.
        millimetres: the largest displacement.
    """

    expression: str
    picture: np.ndarray
    displacement: np.ndarray
    millimetres: float


@dataclass(frozen=True)
class AverageRow:
    """All averages of one classifier, or of the classifiers trained on one data set."""

    name: str
    cells: tuple[Average, ...]


def mean_expressions(result: AuditResult) -> dict[tuple[str, str], np.ndarray]:
    """Return (classifier, expression) -> (E,) mean coefficients over people, where the search found any."""
    means = {}
    for classifier in names(result.data, "classifier"):
        for expression in names(result.data, "expression"):
            cell = result.data["expression_parameters"].sel(classifier=classifier, expression=expression)
            values = cell.transpose("identity", "parameter").values
            mask = np.isfinite(values).all(-1)
            if mask.any():
                means[classifier, expression] = values[mask].mean(0)
    return means


def averages(
    result: AuditResult, renderer: FaceRenderer, classifiers: dict[str, Classifier]
) -> list[AverageRow]:
    """Return a row for each classifier, then one for each data set that several were trained on.

    Args:
        classifiers: those that could be loaded; their cards name the data sets.
    """
    means = mean_expressions(result)
    groups = {name: [name] for name in names(result.data, "classifier")}
    for dataset in dict.fromkeys(one.card.dataset for one in classifiers.values()):
        members = [name for name, one in classifiers.items() if one.card.dataset == dataset]
        if len(members) > 1 and dataset not in ("", "unknown"):
            groups[f"all trained on {dataset}"] = members
    rows = []
    for name, members in groups.items():
        cells = []
        for expression in names(result.data, "expression"):
            several = [means[member, expression] for member in members if (member, expression) in means]
            if several:
                cells.append((expression, np.mean(several, axis=0)))
        if cells:
            rows.append(AverageRow(name, _cells(renderer, cells)))
    return rows


_displacement = brief(geometry.expression_displacement)


def _cells(renderer: FaceRenderer, cells: list[tuple[str, np.ndarray]]) -> tuple[Average, ...]:
    faces = [renderer.average(expression) for _, expression in cells]
    averages = []
    for (name, expression), face, picture in zip(cells, faces, renderer.render(faces), strict=True):
        displacement = _displacement(renderer.head, expression)
        length = 1e3 * np.linalg.norm(np.asarray(displacement), axis=-1)
        heat = overlay(picture, values_on_face(renderer, face, length), float(length.max()))
        averages.append(Average(name, picture, heat, float(length.max())))
    return tuple(averages)


def population(result: AuditResult, renderer: FaceRenderer) -> np.ndarray:
    """Return (H, W, 3) uint8: the run's people with neutral faces, at most 200 of them (Fig. 9)."""
    count = min(len(result.data["identity"]), _MOST_PEOPLE)
    pictures = renderer.render([renderer.person(identity) for identity in range(count)])
    small = np.stack([image_encoding.resize(one, min(_SMALL, renderer.size)) for one in pictures])
    columns = min(count, 20 if count > 40 else 10)
    rows = -(-count // columns)
    blank = np.full((rows * columns - count, *small.shape[1:]), 255, np.uint8)
    return image_encoding.sheet(np.concatenate([small, blank]).reshape(rows, columns, *small.shape[1:]))
