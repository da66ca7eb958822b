"""Faces for the report, drawn again from the parameters that the run kept; one program for all of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

import jaxface as jf
from jaxface import interventions
from jaxface.audit.result import AuditResult
from jaxface.face import FaceModel, FaceParams

_BATCH = 8  # faces a call: always the same shape, so that one program draws everything
LARGEST = 224  # pixels along an edge


class FaceRenderer:
    """Draws people of a run.

    Args:
        result: whose people, light and camera they are.
        head: the run's.
        size: pixels along an edge; None = twice as many as classifiers saw, but no more than `LARGEST`.
    """

    def __init__(self, result: AuditResult, head: FaceModel, size: int | None = None) -> None:
        seen = result.config.render.size
        self.result, self.head = result, head
        self.size = size or max(seen, min(2 * seen, LARGEST))
        self.scene = jf.render.scene(dataclasses.replace(result.config.render, size=self.size))
        self._pose = np.asarray(jf.face.neutral(head).pose)

    def with_silhouettes(self) -> jf.render.Scene:
        """The scene, whose gradient knows that edges move."""
        return dataclasses.replace(self.scene, silhouette=True)

    def person(self, identity: int, expression: np.ndarray | None = None) -> FaceParams:
        """One of the run's people.

        Args:
            expression: (E,) coefficients; None = neutral.
        """
        person = self.result.data[["identity_parameters", "albedo_parameters"]].isel(identity=identity)
        return self.face(person["identity_parameters"].values, person["albedo_parameters"].values, expression)

    def average(self, expression: np.ndarray | None = None) -> FaceParams:
        """The head's own face, with the run's mean skin and an expression (E,)."""
        albedo = self.result.data["albedo_parameters"].values.mean(0)
        return self.face(np.zeros(self.head.identity_basis.shape[-1], np.float32), albedo, expression)

    def face(self, identity: np.ndarray, albedo: np.ndarray, expression: np.ndarray | None) -> FaceParams:
        """A face of these coefficients in the neutral pose."""
        still = np.zeros(self.head.expression_basis.shape[-1], np.float32)
        leaves = identity, still if expression is None else expression, self._pose, albedo
        return FaceParams(*leaves)  # type: ignore[arg-type]  # NumPy until a batch is drawn

    def draw(
        self,
        faces: Sequence[FaceParams],
        symmetry: Sequence[float] | np.ndarray | None = None,
        time: Sequence[float] | np.ndarray | None = None,
    ) -> np.ndarray:
        """Pictures (n, size, size, 3) uint8 of n faces, each at its own symmetry and time, else 1."""
        count = len(faces)
        steps = [np.ones(count) if values is None else np.asarray(values) for values in (symmetry, time)]
        images = np.zeros((count, self.size, self.size, 3), np.uint8)
        start = 0
        for _, same in itertools.groupby(faces, key=_who):
            person = list(same)
            some = slice(start, start + len(person))
            images[some] = self._draw_person(person, steps[0][some], steps[1][some])
            start += len(person)
        return images

    def _draw_person(self, faces: list[FaceParams], symmetry: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Pictures (n, size, size, 3) uint8 of one person, whose skin is made once."""
        person = jax.tree.map(jnp.asarray, faces[0])
        prepared = jf.render.prepare(self.head, person, self.scene)
        drawn = []
        for start in range(0, len(faces), _BATCH):
            rows = np.minimum(np.arange(start, start + _BATCH), len(faces) - 1)
            expression, pose, s, t = (
                jnp.asarray(np.stack(list(values)), jnp.float32)
                for values in (
                    [faces[row].expression for row in rows],
                    [faces[row].pose for row in rows],
                    symmetry[rows],
                    time[rows],
                )
            )
            intervention = interventions.Symmetry(self.result.config.side)
            varying = dataclasses.replace(person, expression=expression, pose=pose)
            many = interventions.render_many(intervention, self.head, prepared, varying, self.scene, s, t)
            drawn.append(np.asarray(many))
        images = np.concatenate(drawn)[: len(faces)]
        return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)


def _who(face: FaceParams) -> tuple[bytes, bytes]:
    return np.asarray(face.identity).tobytes(), np.asarray(face.albedo).tobytes()
