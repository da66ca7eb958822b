"""The faces that a run asked about, drawn again from the parameters that it kept."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

import jaxface as jf
from jaxface.audit.result import AuditResult
from jaxface.face import FaceModel, FaceParams
from jaxface.report import pictures
from jaxface.report.tables import names


@dataclass(frozen=True)
class Face:
    """One picture and what the classifier said of it.

    Attributes:
        source: a data URI.
        size: pixels along an edge.
        symmetry: as text.
        top: the classifier's first answer.
        probability: of the expression that was asked for.
    """

    source: str
    size: int
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


def galleries(result: AuditResult, head: FaceModel, identity: int = 0) -> list[Gallery]:
    """For each classifier one person with every expression that was found."""
    people = result.data.isel(identity=identity)
    checked = np.sort(people["checked_symmetry"].values)[::-1]
    scene = jf.render.scene(result.config.render)
    found = []
    for classifier in names(people, "classifier"):
        strips = []
        for expression in names(people, "expression"):
            cell = people.sel(classifier=classifier, expression=expression)
            if not np.isfinite(cell["expression_parameters"].values).all() or not bool(cell["done"]):
                continue
            params = FaceParams(
                identity=jnp.asarray(cell["identity_parameters"].values),
                expression=jnp.asarray(cell["expression_parameters"].values),
                pose=jf.face.neutral(head).pose,
                albedo=jnp.asarray(cell["albedo_parameters"].values),
            )
            drawn = jf.render.grid(head, params, scene, jnp.asarray(checked), jnp.ones(1), result.config.side)
            strips.append(Strip(expression, tuple(_faces(np.asarray(drawn[:, 0]), checked, cell, expression))))
        if strips:
            found.append(Gallery(classifier, tuple(strips)))
    return found


def _faces(images: np.ndarray, checked: np.ndarray, cell, expression: str):  # type: ignore[no-untyped-def]
    answers = names(cell, "answer")
    for image, symmetry in zip(images, checked, strict=True):
        said = cell.sel(checked_symmetry=symmetry)
        yield Face(
            source=data_uri(image),
            size=image.shape[0],
            symmetry=f"{symmetry:g}",
            top=answers[int(said["predicted"])],
            probability=float(said["checked_probability"].sel(answer=expression)),
        )


def data_uri(image: np.ndarray) -> str:
    """An (H, W, 3) image in [0, 1] as the source of an `img`."""
    data = pictures.png(pictures.sheet(image[None, None]))
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")
