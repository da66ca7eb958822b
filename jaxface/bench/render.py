"""Images a second of `jaxface.render`: many expressions of one person, and value with gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxface import face, render
from jaxface.bench.harness import measure


@dataclass(frozen=True)
class Settings:
    """What is drawn."""

    head: str = "bundled"
    """`bundled`, or a face model file or folder."""

    batch: int = 32
    """Pictures of one call."""

    repeats: int = 5
    """Calls, of which the quickest counts."""


class Case(NamedTuple):
    """One function to time, and what it is called with."""

    name: str
    scene: render.Scene
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each function, size and supersampling."""
    head = face.load(settings.head)
    for case in cases(head, settings.batch):
        timing = measure(case.function, *case.arguments, repeats=settings.repeats)
        yield {
            "name": case.name,
            "head": head.name,
            "vertices": head.template.shape[0],
            "triangles": head.faces.shape[0],
            "size": case.scene.size,
            "supersample": case.scene.supersample,
            "batch": settings.batch,
            **timing,
            "images_per_s": settings.batch / timing["run_s"],
            "cpu_ms_per_image": 1e3 * timing["cpu_s"] / settings.batch,
        }


def cases(head: face.FaceModel, batch: int) -> Iterator[Case]:
    """`draw_many` at the sizes of the protocol's classifiers, and its gradient at 112."""
    space = head.expressions
    k_value, k_chosen = jax.random.split(jax.random.key(0))
    shape = (batch, len(space.lower))
    chosen = jax.random.bernoulli(k_chosen, 0.3, shape)
    drawn = space.lower + (space.upper - space.lower) * jax.random.uniform(k_value, shape)
    expression = jnp.where(chosen, drawn, 0.0)
    params = face.neutral(head)
    pose, ones = jnp.broadcast_to(params.pose, (batch, *params.pose.shape)), jnp.ones(batch)
    for size, supersample in ((48, 1), (112, 1), (112, 2), (224, 1)):
        scene = render.Scene(size=size, supersample=supersample)
        prepared = render.prepare(head, params, scene)
        arguments = (head, prepared, expression, pose, scene, ones, ones)
        yield Case("draw_many", scene, render.draw_many, arguments)
        if supersample == 1 and size == 112:
            yield Case("value_and_grad", scene, _slopes, arguments[:5])


@jax.jit
def _slopes(
    head: face.FaceModel,
    prepared: render.Prepared,
    expression: jax.Array,
    pose: jax.Array,
    scene: render.Scene,
) -> tuple[jax.Array, jax.Array]:
    def loss(one: jax.Array) -> jax.Array:
        return jnp.sum(render.draw(head, prepared, one, pose[0], scene) ** 2)

    return jax.lax.map(jax.value_and_grad(loss), expression)
