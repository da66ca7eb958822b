"""Images per second of `jaxface.render`: many expressions of one person, value with gradient, and
the grid of one expression, in each part of its unfolding."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxface import face, interventions, render
from jaxface.bench.harness import measure, per_image
from jaxface.bench.settings import RenderSettings

SIZES = ((48, 1), (112, 1), (112, 2), (224, 1))
"""Pixels along an edge of an image, and rays along an edge of a pixel."""

SYMMETRY_STEPS, TIME_STEPS = 10, 90
"""Of the paper's grid."""

RANGES = ("first third", "middle third", "last third", "whole")
"""Frames of the unfolding that are drawn at once. Of 90 time steps at 112 pixels an audit draws 30 at once, one
third after another; of few steps it draws the whole."""


class Case(NamedTuple):
    """A function to time, and its arguments."""

    name: str
    scene: render.Scene
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def run(settings: RenderSettings) -> Iterator[dict[str, Any]]:
    """Yield a row for each function, size and supersampling."""
    head = face.load(str(settings.head), **settings.head_options)
    for case in cases(head, settings.batch):
        timing = measure(case.function, *case.arguments, repeats=settings.repeats)
        yield timing_row(case.name, head, case.scene, settings.batch, timing)
    for size, supersample in SIZES:
        scene = render.Scene(size=size, supersample=supersample)
        for part in RANGES:
            yield grid_row(head, scene, part, settings.steps, settings.repeats)


def grid_row(head: face.FaceModel, scene: render.Scene, part: str, steps: int, repeats: int) -> dict[str, Any]:
    """Time `interventions.grid`, building its candidate lists included, and return the row.

    Args:
        part: of the unfolding, one of `RANGES`.
    """
    params, symmetry = full_expression(head)
    time = times(part, steps)
    grid = partial(interventions.grid, interventions.Symmetry())
    timing = measure(grid, head, params, scene, symmetry, time, repeats=repeats)
    return {**timing_row("grid", head, scene, len(symmetry) * len(time), timing), "frames": part}


def times(part: str, steps: int) -> jax.Array:
    """Return (T,) time steps of a part of the unfolding: some of the paper's 90, or spread over all of it."""
    every = jnp.linspace(0.0, 1.0, TIME_STEPS)
    begins = {"first third": 0, "middle third": (TIME_STEPS - steps) // 2, "last third": TIME_STEPS - steps}
    return jnp.linspace(0.0, 1.0, steps) if part == "whole" else every[begins[part] :][:steps]


def full_expression(head: face.FaceModel) -> tuple[face.FaceParams, jax.Array]:
    """Return a neutral person's parameters with one full expression, and symmetries (S,)."""
    expressions = head.expressions
    full = expressions.prototypes[0] if len(expressions.prototypes) else 0.3 * expressions.upper
    params = dataclasses.replace(face.neutral(head), expression=full)
    return params, jnp.linspace(0.0, 1.0, SYMMETRY_STEPS)


def timing_row(
    name: str, head: face.FaceModel, scene: render.Scene, count: int, timing: dict[str, float]
) -> dict[str, Any]:
    """Return the row of a call that drew `count` images."""
    return {
        "name": name,
        "head": head.name,
        "vertices": head.template.shape[0],
        "triangles": head.faces.shape[0],
        "size": scene.size,
        "supersample": scene.supersample,
        "batch": count,
        **per_image(count, timing),
    }


def cases(head: face.FaceModel, batch: int) -> Iterator[Case]:
    """Yield `render_many` at the sizes of the paper's classifiers, and its gradient at 112."""
    space = head.expressions
    k_value, k_active = jax.random.split(jax.random.key(0))
    shape = (batch, len(space.lower))
    active = jax.random.bernoulli(k_active, 0.3, shape)
    coefficients = space.lower + (space.upper - space.lower) * jax.random.uniform(k_value, shape)
    expression = jnp.where(active, coefficients, 0.0)
    params = face.neutral(head)
    pose = jnp.broadcast_to(params.pose, (batch, *params.pose.shape))
    for size, supersample in SIZES:
        scene = render.Scene(size=size, supersample=supersample)
        person = render.prepare(head, params, scene)
        arguments = (head, person, expression, pose, scene)
        yield Case("render_many", scene, render.render_many, arguments)
        if supersample == 1 and size == 112:
            yield Case("value_and_grad", scene, _value_and_grad, arguments)


@jax.jit
def _value_and_grad(
    head: face.FaceModel,
    person: render.Prepared,
    expression: jax.Array,
    pose: jax.Array,
    scene: render.Scene,
) -> tuple[jax.Array, jax.Array]:
    def loss(one: jax.Array) -> jax.Array:
        return jnp.sum(render.render_expression(head, person, one, pose[0], scene) ** 2)

    return jax.lax.map(jax.value_and_grad(loss), expression)
