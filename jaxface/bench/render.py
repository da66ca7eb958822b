"""Images a second of `jaxface.render`: many expressions of one person, value with gradient, and the grid of one
expression beside two other renderers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxface import face, interventions, render
from jaxface.bench.harness import measure
from jaxface.bench.peers import Frames, llvmpipe, plain_c
from jaxface.core.errors import ConfigError

SIZES = ((48, 1), (112, 1), (112, 2), (224, 1))  # of pictures, and rays along an edge of a pixel


@dataclass(frozen=True)
class Settings(face.HeadConfig):
    """What is drawn."""

    batch: int = 32
    """Pictures of one call."""

    repeats: int = 5
    """Calls, of which the quickest counts."""

    steps: int = 30
    """Time steps of the grid's ten symmetries: the last ones of 90; 30 is what an audit draws at once."""


class Case(NamedTuple):
    """One function to time, and what it is called with."""

    name: str
    scene: render.Scene
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each function, size and supersampling."""
    head = face.load(str(settings.head), **settings.head_options)
    for case in cases(head, settings.batch):
        timing = measure(case.function, *case.arguments, repeats=settings.repeats)
        yield _row(case.name, head, case.scene, settings.batch, timing)
    for size, supersample in SIZES:
        yield from grids(head, render.Scene(size=size, supersample=supersample), settings)


def grids(head: face.FaceModel, scene: render.Scene, settings: Settings) -> Iterator[dict[str, Any]]:
    """`grid`, lists included, and the peers on frames of the same expression where they can draw them.

    `times_c` and `times_llvmpipe`: how many times its CPU time theirs is; the C program is given the vertices,
    llvmpipe the vertices and their light.
    """
    expressions = head.expressions
    full = expressions.prototypes[0] if len(expressions.prototypes) else 0.3 * expressions.upper
    params = dataclasses.replace(face.neutral(head), expression=full)
    symmetry, time = jnp.linspace(0.0, 1.0, 10), jnp.linspace(0.0, 1.0, 90)[-settings.steps :]
    count = len(symmetry) * len(time)
    grid = partial(interventions.grid, interventions.Symmetry())
    timing = measure(grid, head, params, scene, symmetry, time, repeats=settings.repeats)
    row = _row("grid", head, scene, count, timing)
    if scene.supersample == 1:
        frames = Frames(head, params, scene, time)
        for name, peer in (("c", plain_c), ("llvmpipe", llvmpipe)):
            try:
                other = measure(peer(frames), repeats=settings.repeats)
            except ConfigError as missing:
                yield {"name": name, "size": scene.size, "missing": str(missing)}
                continue
            drawn = _row(name, head, scene, len(time), other)
            row[f"times_{name}"] = drawn["cpu_ms_per_image"] / row["cpu_ms_per_image"]
            yield drawn
    yield row


def _row(
    name: str, head: face.FaceModel, scene: render.Scene, count: int, timing: dict[str, float]
) -> dict[str, Any]:
    return {
        "name": name,
        "head": head.name,
        "vertices": head.template.shape[0],
        "triangles": head.faces.shape[0],
        "size": scene.size,
        "supersample": scene.supersample,
        "batch": count,
        **timing,
        "images_per_s": count / timing["run_s"],
        "cpu_ms_per_image": 1e3 * timing["cpu_s"] / count,
    }


def cases(head: face.FaceModel, batch: int) -> Iterator[Case]:
    """`render_many` at the sizes of the protocol's classifiers, and its gradient at 112."""
    space = head.expressions
    k_value, k_chosen = jax.random.split(jax.random.key(0))
    shape = (batch, len(space.lower))
    chosen = jax.random.bernoulli(k_chosen, 0.3, shape)
    drawn = space.lower + (space.upper - space.lower) * jax.random.uniform(k_value, shape)
    expression = jnp.where(chosen, drawn, 0.0)
    params = face.neutral(head)
    pose = jnp.broadcast_to(params.pose, (batch, *params.pose.shape))
    for size, supersample in SIZES:
        scene = render.Scene(size=size, supersample=supersample)
        prepared = render.prepare(head, params, scene)
        arguments = (head, prepared, expression, pose, scene)
        yield Case("render_many", scene, render.render_many, arguments)
        if supersample == 1 and size == 112:
            yield Case("value_and_grad", scene, _slopes, arguments)


@jax.jit
def _slopes(
    head: face.FaceModel,
    prepared: render.Prepared,
    expression: jax.Array,
    pose: jax.Array,
    scene: render.Scene,
) -> tuple[jax.Array, jax.Array]:
    def loss(one: jax.Array) -> jax.Array:
        return jnp.sum(render.render_expression(head, prepared, one, pose[0], scene) ** 2)

    return jax.lax.map(jax.value_and_grad(loss), expression)
