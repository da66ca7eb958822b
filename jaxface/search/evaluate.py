"""Candidates to scores on the device: draw, classify, compare; cases that are finished are skipped.

Compiled programs belong to this module, keyed by shapes, the classifier's function and the config, so that
a second searcher with equal settings compiles nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.pytree import pytree
from jaxface.core.types import Array
from jaxface.face.model import FaceModel, FaceParams
from jaxface.render.image import Prepared, draw, prepare
from jaxface.render.scene import Camera, Orthographic, Scene
from jaxface.search.config import SearchConfig
from jaxface.search.objective import Scores, Slopes, score, slope_objective
from jaxface.search.space import SearchSpace
from jaxface.search.views import views

Apply = Callable[[object, Array], Array]
"""(state, images (B, H, W, 3)) -> logits (B, K), pure."""

SHIFTS = ((0.33, 0.0), (-0.33, 0.0), (0.0, 0.33), (0.0, -0.33))
"""Pixels by which a found face is moved to see whether its score is pixel luck."""


@pytree
class Stage:
    """What all cases of a batch share: head, scene, space and the classifier's arrays."""

    head: FaceModel
    scene: Scene
    space: SearchSpace
    state: object


@pytree
class Cases:
    """n searches: whose face (expressions are not read), and the class index that is wanted, (n,)."""

    params: FaceParams
    targets: Array


@partial(jax.jit, static_argnums=(0, 1))
def population_scores(
    apply: Apply, config: SearchConfig, stage: Stage, cases: Cases, candidates: Array, active: Array
) -> Scores:
    """Scores (n, P) of candidates (n, P, E); infinite, and free, where `active` (n,) is False."""
    members, size = candidates.shape[1:]
    chunk = min(config.chunk, members)
    padding = -members % chunk

    def work(case: tuple[Cases, Array]) -> Scores:
        one, population = case
        prepared = prepare(stage.head, one.params, stage.scene)
        padded = jnp.concatenate([population, population[:padding]]).reshape(-1, chunk, size)

        def some(batch: Array) -> Scores:
            images = _views(stage, prepared, one.params.pose, batch, config)
            logits = apply(stage.state, images.reshape(-1, *images.shape[2:]))
            logits = logits.reshape(*images.shape[:2], -1)
            return jax.vmap(lambda answer, phi: score(answer, one.targets, phi, stage.space, config))(
                logits, batch
            )

        scores = jax.lax.map(some, padded)
        return jax.tree.map(lambda field: field.reshape(-1)[:members], scores)

    def idle(case: tuple[Cases, Array]) -> Scores:
        return Scores(jnp.full(members, jnp.inf), jnp.zeros(members))

    def either(case: tuple[Array, tuple[Cases, Array]]) -> Scores:
        return jax.lax.cond(case[0], work, idle, case[1])

    return jax.lax.map(either, (active, (cases, candidates)))


@partial(jax.jit, static_argnums=(0, 1))
def slopes(
    apply: Apply, config: SearchConfig, stage: Stage, cases: Cases, points: Array, active: Array
) -> Slopes:
    """Scores (n,) and gradients (n, E) of points (n, E), through the renderer with its silhouette term."""
    stage = dataclasses.replace(stage, scene=dataclasses.replace(stage.scene, silhouette=True))

    def work(case: tuple[Cases, Array]) -> Slopes:
        one, point = case
        prepared = prepare(stage.head, one.params, stage.scene)

        def loss(phi: Array) -> tuple[Array, Scores]:
            logits = apply(stage.state, _views(stage, prepared, one.params.pose, phi[None], config)[0])
            scores = score(logits, one.targets, phi, stage.space, config)
            return slope_objective(logits, one.targets, phi, stage.space, config), scores

        gradient, scores = jax.grad(loss, has_aux=True)(point)
        return Slopes(scores, gradient)

    def idle(case: tuple[Cases, Array]) -> Slopes:
        return Slopes(Scores(jnp.inf, jnp.zeros(())), jnp.zeros_like(case[1]))

    def either(case: tuple[Array, tuple[Cases, Array]]) -> Slopes:
        return jax.lax.cond(case[0], work, idle, case[1])

    return jax.lax.map(either, (active, (cases, points)))


@partial(jax.jit, static_argnums=1)
def population_images(stage: Stage, config: SearchConfig, params: FaceParams, candidates: Array) -> Array:
    """(P, views, H, W, 3) pictures of one person: for classifiers that live on the host."""
    return _views(stage, prepare(stage.head, params, stage.scene), params.pose, candidates, config)


@partial(jax.jit, static_argnums=1)
def population_scores_of(
    stage: Stage, config: SearchConfig, target: Array, candidates: Array, logits: Array
) -> Scores:
    """Scores (P,) of candidates (P, E) whose logits (P, views, K) are known."""
    return jax.vmap(lambda answer, phi: score(answer, target, phi, stage.space, config))(logits, candidates)


@jax.jit
def shifted_images(stage: Stage, params: FaceParams, expression: Array) -> Array:
    """(4, H, W, 3): one face with the picture moved by a third of a pixel in four directions."""
    prepared = prepare(stage.head, params, stage.scene)

    def one(pixels: Array) -> Array:
        moved = dataclasses.replace(prepared, camera=shifted(prepared.camera, pixels, stage.scene.size))
        return draw(stage.head, moved, expression, params.pose, stage.scene)

    return jax.lax.map(one, jnp.asarray(SHIFTS))


@partial(jax.jit, static_argnums=0)
def shifted_probabilities(apply: Apply, stage: Stage, cases: Cases, expressions: Array) -> Array:
    """(n, 4) probabilities of the targets on `shifted_images` of expressions (n, E)."""

    def one(case: tuple[Cases, Array]) -> Array:
        logits = apply(stage.state, shifted_images(stage, case[0].params, case[1]))
        return jax.nn.softmax(logits, axis=-1)[:, case[0].targets]

    return jax.lax.map(one, (cases, expressions))


def shifted(camera: Camera, pixels: Array, size: int) -> Camera:
    """The camera whose picture is moved by `pixels` (2,), +x right, +y up, in an image of `size` pixels."""
    halves = 2.0 * pixels / size
    if isinstance(camera, Orthographic):
        return dataclasses.replace(camera, translation=camera.translation + halves / camera.scale)
    return dataclasses.replace(camera, shift=camera.shift + halves)


def _views(stage: Stage, prepared: Prepared, pose: Array, candidates: Array, config: SearchConfig) -> Array:
    """(P, views, H, W, 3) of candidates (P, E), drawn one after another: a CPU's cache holds one picture."""

    def one(expression: Array) -> Array:
        return views(draw(stage.head, prepared, expression, pose, stage.scene), config.views)

    return jax.lax.map(one, candidates)
