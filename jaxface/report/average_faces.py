"""The expressions that were found, averaged: what each classifier takes for a smile (Figs. 2, 9-14)."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from jaxface.audit.result import AuditResult
from jaxface.classify import Classifier
from jaxface.face import geometry
from jaxface.report import image_encoding
from jaxface.report.face_renderer import FaceRenderer
from jaxface.report.overlays import on_head, overlay
from jaxface.report.tables import names

_MOST_PEOPLE = 200  # on the population sheet, as in the paper
_SMALL = 80  # pixels of a person on it


@dataclass(frozen=True)
class Average:
    """One expression, averaged.

    Attributes:
        picture: (size, size, 3) uint8.
        moved: the same with the way of each point of the skin as heat.
        millimetres: the longest way.
    """

    expression: str
    picture: np.ndarray
    moved: np.ndarray
    millimetres: float


@dataclass(frozen=True)
class AverageRow:
    """All averages of one classifier, or of the classifiers that were trained on one data set."""

    name: str
    cells: tuple[Average, ...]


def mean_expressions(result: AuditResult) -> dict[tuple[str, str], np.ndarray]:
    """(classifier, expression) -> (E,) mean coefficients over people, where anything was found."""
    found = {}
    for classifier in names(result.data, "classifier"):
        for expression in names(result.data, "expression"):
            cell = result.data["expression_parameters"].sel(classifier=classifier, expression=expression)
            values = cell.transpose("identity", "parameter").values
            known = np.isfinite(values).all(-1)
            if known.any():
                found[classifier, expression] = values[known].mean(0)
    return found


def averages(result: AuditResult, studio: FaceRenderer, classifiers: dict[str, Classifier]) -> list[AverageRow]:
    """A row for each classifier, then one for each data set that several of them were trained on.

    Args:
        classifiers: those that could be loaded; their cards name the data sets.
    """
    found = mean_expressions(result)
    groups = {name: [name] for name in names(result.data, "classifier")}
    for dataset in dict.fromkeys(one.card.dataset for one in classifiers.values()):
        members = [name for name, one in classifiers.items() if one.card.dataset == dataset]
        if len(members) > 1 and dataset not in ("", "unknown"):
            groups[f"all trained on {dataset}"] = members
    rows = []
    for name, members in groups.items():
        cells = []
        for expression in names(result.data, "expression"):
            several = [found[member, expression] for member in members if (member, expression) in found]
            if several:
                cells.append((expression, np.mean(several, axis=0)))
        if cells:
            rows.append(AverageRow(name, _cells(studio, cells)))
    return rows


def _cells(studio: FaceRenderer, cells: list[tuple[str, np.ndarray]]) -> tuple[Average, ...]:
    faces = [studio.average(expression) for _, expression in cells]
    made = []
    for (name, expression), face, drawn in zip(cells, faces, studio.draw(faces), strict=True):
        way = geometry.expression_displacement(studio.head, jnp.asarray(expression))
        length = 1e3 * np.linalg.norm(np.asarray(way), axis=-1)
        heat = overlay(drawn, on_head(studio, face, length, 1.0), float(length.max()))
        made.append(Average(name, drawn, heat, float(length.max())))
    return tuple(made)


def population(result: AuditResult, studio: FaceRenderer) -> np.ndarray:
    """(H, W, 3) uint8: the run's people with neutral faces, at most 200 of them (Fig. 9)."""
    count = min(len(result.data["identity"]), _MOST_PEOPLE)
    drawn = studio.draw([studio.person(identity) for identity in range(count)])
    small = np.stack([image_encoding.resized(one, min(_SMALL, studio.size)) for one in drawn])
    columns = min(count, 20 if count > 40 else 10)
    rows = -(-count // columns)
    blank = np.full((rows * columns - count, *small.shape[1:]), 255, np.uint8)
    return image_encoding.sheet(np.concatenate([small, blank]).reshape(rows, columns, *small.shape[1:]))
