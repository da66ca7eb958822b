"""The symmetry intervention, until `jaxface.interventions` has it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxface import render
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.sides import Side
from jaxface.interventions import Axis
from jaxface.render import Scene


@dataclass(frozen=True)
class _Words:
    noun: str = "facial symmetry"
    effect: str = "depends on symmetry"
    unchanged: str = "symmetric"
    changed: str = "half frozen"


@dataclass(frozen=True)
class Symmetry:
    """do(symmetry = s, time = t) on one side of the face, for every pair of steps (Facing Asymmetry, Eq. 3).

    Attributes:
        side: whose expression is scaled, the subject's own left or right.
        symmetry_steps: S equidistant degrees in [0, 1]; 1 leaves the face untouched.
        time_steps: T equidistant steps in [0, 1]; 0 is neutral at every symmetry.
    """

    side: Side = "left"
    symmetry_steps: int = 10
    time_steps: int = 90

    name = "symmetry"
    probe_levels = (0.0, 0.5, 1.0)
    wording = _Words()

    @property
    def axes(self) -> tuple[Axis, Axis]:
        def levels(count: int) -> tuple[float, ...]:
            return tuple(np.linspace(0, 1, count, dtype=np.float32).tolist())

        return (
            Axis("symmetry", levels(self.symmetry_steps), 1.0, "s", ("frozen", "untouched")),
            Axis("time", levels(self.time_steps), 1.0, "t", ("neutral", "full expression")),
        )

    def description(self) -> Mapping[str, Any]:
        return dataclasses.asdict(self)


REGISTRY = {"symmetry": Symmetry}


def grid(
    intervention: Any, head: FaceModel, params: FaceParams, scene: Scene, dose: Array, time: Array
) -> Array:
    if isinstance(intervention, Symmetry):
        return render.grid(head, params, scene, dose, time, intervention.side)
    raise NotImplementedError


def images(
    intervention: Any, head: FaceModel, params: FaceParams, scene: Scene, dose: Array, time: Array
) -> Array:
    time = jnp.broadcast_to(time, dose.shape)
    return render.images(head, params, scene, dose, time, intervention.side)
