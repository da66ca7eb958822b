"""Render faces for the report from the parameters in the store, with one program for all of them."""

import dataclasses
import itertools
from collections.abc import Sequence

import jax
import numpy as np

from jaxface import interventions, render
from jaxface.audit import AuditResult
from jaxface.core.runtime import brief
from jaxface.face import FaceParams
from jaxface.render import Scene
from jaxface.report.loading import FaceInputs

_BATCH = 8  # faces a call: always the same shape, so that one program renders everything
LARGEST = 224  # pixels along an edge

_prepare = brief(render.prepare)
_render_many = brief(interventions.render_many, static_argnums=0)


class FaceRenderer:
    """Render people of a run under its intervention.

    Args:
        result: whose people, light and camera they are.
        inputs: the run's head and intervention.
        size: pixels along an edge; None = twice the size that classifiers saw, but at most `LARGEST`.
    """

    def __init__(self, result: AuditResult, inputs: FaceInputs, size: int | None = None) -> None:
        audited_size = result.config.render.size
        self.result, self.inputs = result, inputs
        self.head, self.intervention = inputs
        self.size = size or max(audited_size, min(2 * audited_size, LARGEST))
        self.scene = render.scene(dataclasses.replace(result.config.render, size=self.size))
        self._pose = np.zeros((len(self.head.parents), 3), np.float32)

    def scene_with_silhouettes(self) -> Scene:
        """Return the scene whose gradients include moving edges."""
        return dataclasses.replace(self.scene, silhouette=True)

    def person(self, identity: int, expression: np.ndarray | None = None) -> FaceParams:
        """Return one of the run's people.

        Args:
            expression: (E,) coefficients; None = neutral.
        """
        person = self.result.data[["identity_parameters", "albedo_parameters"]].isel(identity=identity)
        return self.params(person["identity_parameters"].values, person["albedo_parameters"].values, expression)

    def average(self, expression: np.ndarray | None = None) -> FaceParams:
        """Return the head's mean face with the run's mean skin and an expression (E,)."""
        albedo = self.result.data["albedo_parameters"].values.mean(0)
        return self.params(np.zeros(self.head.identity_basis.shape[-1], np.float32), albedo, expression)

    def params(self, identity: np.ndarray, albedo: np.ndarray, expression: np.ndarray | None) -> FaceParams:
        """Return a face of these coefficients in the neutral pose."""
        neutral = np.zeros(self.head.expression_basis.shape[-1], np.float32)
        leaves = identity, neutral if expression is None else expression, self._pose, albedo
        return FaceParams(*leaves)  # type: ignore[arg-type]  # NumPy until a batch is rendered

    def render(
        self,
        params: Sequence[FaceParams],
        dose: Sequence[float] | np.ndarray | None = None,
        time: Sequence[float] | np.ndarray | None = None,
    ) -> np.ndarray:
        """Return pictures (n, size, size, 3) uint8 of n faces.

        Args:
            dose, time: (n,) levels of the intervention; None = unchanged.
        """
        count = len(params)
        levels = [
            np.full(count, axis.unchanged) if values is None else np.asarray(values)
            for values, axis in zip((dose, time), self.intervention.axes, strict=True)
        ]
        images = np.zeros((count, self.size, self.size, 3), np.uint8)
        start = 0
        for _, group in itertools.groupby(params, key=_person_key):
            person = list(group)
            rows = slice(start, start + len(person))
            images[rows] = self._render_person(person, levels[0][rows], levels[1][rows])
            start += len(person)
        return images

    def _render_person(self, params: list[FaceParams], dose: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return pictures (n, size, size, 3) uint8 of one person, whose texture is made once."""
        person = jax.tree.map(np.asarray, params[0])
        buffers = _prepare(self.head, person, self.scene)
        batches = []
        for start in range(0, len(params), _BATCH):
            rows = np.minimum(np.arange(start, start + _BATCH), len(params) - 1)
            expression, pose, doses, times = (
                np.asarray(np.stack(list(values)), np.float32)
                for values in (
                    [params[row].expression for row in rows],
                    [params[row].pose for row in rows],
                    dose[rows],
                    time[rows],
                )
            )
            batch = dataclasses.replace(person, expression=expression, pose=pose)
            pictures = _render_many(self.intervention, self.head, buffers, batch, self.scene, doses, times)
            batches.append(np.asarray(pictures))
        images = np.concatenate(batches)[: len(params)]
        return np.round(255 * np.clip(images, 0, 1)).astype(np.uint8)


def _person_key(params: FaceParams) -> tuple[bytes, bytes]:
    return np.asarray(params.identity).tobytes(), np.asarray(params.albedo).tobytes()
