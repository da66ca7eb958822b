"""Candidates to scores on the device: draw, classify, compare; cases that are finished are skipped.

Compiled programs belong to this module, keyed by shapes and structure, so that a
second searcher with an equal classifier and config compiles nothing.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.classify import Classifier
from jaxface.classify.probability import probabilities
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array
from jaxface.face.appearance import wrinkle_pattern_weights
from jaxface.face.model import ExpressionSpace, FaceModel, FaceParams
from jaxface.render import Deformation, Prepared, prepare, render
from jaxface.render.scenes import Camera, Orthographic, Scene
from jaxface.search.augmentation import augmented_views
from jaxface.search.objective import Scores, ValueAndGrad, gradient_objective, score
from jaxface.search.space import SearchSpace

_UNREAD = ExpressionSpace(lower=None, upper=None, units=None, prototypes=None)  # type: ignore[arg-type]

SHIFTS = ((0.33, 0.0), (-0.33, 0.0), (0.0, 0.33), (0.0, -0.33))
"""Pixels by which a found face is moved to see whether its score is pixel luck."""


@pytree
class SearchProblem:
    """What all cases of a batch share; `views` and `chunk` as in `SearchConfig`.

    Both halves of a face move alike here, so what an expression does is linear: `basis` (E, V, 3) displaces
    the vertices, `line_strengths` (E, L) draws the lines of the skin; None for a head without lines. The
    head's own bases are empty. Coefficients come first: the gradient would else copy the basis on every call.
    """

    classifier: Classifier
    head: FaceModel
    scene: Scene
    space: SearchSpace
    basis: Array
    line_strengths: Array | None
    views: Literal["plain", "robust"] = static()
    chunk: int = static()


@pytree
class Cases:
    """n searches: whose face (expressions are not read), and the class index that is wanted, (n,)."""

    params: FaceParams
    targets: Array


@jax.jit
def population_scores(stage: SearchProblem, cases: Cases, candidates: Array, active: Array) -> Scores:
    """Scores (n, P) of candidates (n, P, E); infinite, and free, where `active` (n,) is False."""
    members = candidates.shape[1]
    chunk = min(stage.chunk, members)
    padding = -members % chunk

    def work(case: tuple[Cases, Array]) -> Scores:
        one, population = case
        prepared = prepare(stage.head, one.params, stage.scene)
        padded = jnp.concatenate([population, population[:padding]])

        def some(batch: tuple[Array, Deformation]) -> Scores:
            images = _views(stage, prepared, one.params.pose, batch[1])
            logits = _logits(stage, images.reshape(-1, *images.shape[2:]))
            logits = logits.reshape(*images.shape[:2], -1)
            return _scores(stage, one.targets, batch[0], logits)

        chunks = jax.tree.map(
            lambda leaf: leaf.reshape(-1, chunk, *leaf.shape[1:]), (padded, _deform(stage, padded))
        )
        scores = jax.lax.map(some, chunks)
        return jax.tree.map(lambda field: field.reshape(-1)[:members], scores)

    def idle(case: tuple[Cases, Array]) -> Scores:
        return Scores(jnp.full(members, jnp.inf), jnp.zeros(members))

    def either(case: tuple[Array, tuple[Cases, Array]]) -> Scores:
        return jax.lax.cond(case[0], work, idle, case[1])

    return jax.lax.map(either, (active, (cases, candidates)))


@jax.jit
def value_and_grad(stage: SearchProblem, cases: Cases, points: Array, active: Array) -> ValueAndGrad:
    """Scores (n,) and gradients (n, E) of points (n, E), through the renderer with its silhouette term."""
    stage = dataclasses.replace(stage, scene=dataclasses.replace(stage.scene, silhouette=True))
    independent = stage.classifier.card.independent

    def work(case: tuple[Cases, Array]) -> ValueAndGrad:
        one, point = case
        prepared = prepare(stage.head, one.params, stage.scene)

        def loss(phi: Array) -> tuple[Array, Scores]:
            moved = _deform(stage, phi[None])
            logits = _logits(stage, _views(stage, prepared, one.params.pose, moved)[0])
            scores = score(logits, one.targets, phi, stage.space, independent)
            return gradient_objective(logits, one.targets, phi, stage.space, independent), scores

        gradient, scores = jax.grad(loss, has_aux=True)(point)
        return ValueAndGrad(scores, gradient)

    def idle(case: tuple[Cases, Array]) -> ValueAndGrad:
        return ValueAndGrad(Scores(jnp.full((), jnp.inf), jnp.zeros(())), jnp.zeros_like(case[1]))

    def either(case: tuple[Array, tuple[Cases, Array]]) -> ValueAndGrad:
        return jax.lax.cond(case[0], work, idle, case[1])

    return jax.lax.map(either, (active, (cases, points)))


@jax.jit
def population_images(stage: SearchProblem, params: FaceParams, candidates: Array) -> Array:
    """(P, views, H, W, 3) pictures of one person: for classifiers that live on the host."""
    prepared = prepare(stage.head, params, stage.scene)
    return _views(stage, prepared, params.pose, _deform(stage, candidates))


@jax.jit
def population_scores_of(stage: SearchProblem, target: Array, candidates: Array, logits: Array) -> Scores:
    """Scores (P,) of candidates (P, E) whose logits (P, views, K) are known."""
    return _scores(stage, target, candidates, logits)


@jax.jit
def shifted_images(stage: SearchProblem, params: FaceParams, expression: Array) -> Array:
    """(4, H, W, 3): one face with the picture moved by a third of a pixel in four directions."""
    prepared = prepare(stage.head, params, stage.scene)
    face: Deformation = jax.tree.map(lambda leaf: leaf[0], _deform(stage, expression[None]))

    def one(pixels: Array) -> Array:
        moved = dataclasses.replace(prepared, camera=shifted(prepared.camera, pixels, stage.scene.size))
        return render(stage.head, moved, face, params.pose, stage.scene)

    return jax.lax.map(one, jnp.asarray(SHIFTS))


@jax.jit
def shifted_probabilities(stage: SearchProblem, cases: Cases, expressions: Array, active: Array) -> Array:
    """(n, 4) probabilities of the targets on `shifted_images` of expressions (n, E); zero where not active."""

    def work(case: tuple[Cases, Array]) -> Array:
        logits = _logits(stage, shifted_images(stage, case[0].params, case[1]))
        return probabilities(logits, stage.classifier.card.independent)[:, case[0].targets]

    def idle(case: tuple[Cases, Array]) -> Array:
        return jnp.zeros(len(SHIFTS))

    def either(case: tuple[Array, tuple[Cases, Array]]) -> Array:
        return jax.lax.cond(case[0], work, idle, case[1])

    return jax.lax.map(either, (active, (cases, expressions)))


def shifted(camera: Camera, pixels: Array, size: int) -> Camera:
    """The camera whose picture is moved by `pixels` (2,), +x right, +y up, in an image of `size` pixels."""
    halves = 2.0 * pixels / size
    if isinstance(camera, Orthographic):
        return dataclasses.replace(camera, translation=camera.translation + halves / camera.scale)
    return dataclasses.replace(camera, shift=camera.shift + halves)


def _scores(stage: SearchProblem, target: Array, candidates: Array, logits: Array) -> Scores:
    """(P,) of candidates (P, E) with logits (P, views, K)."""
    independent = stage.classifier.card.independent
    return jax.vmap(lambda answer, phi: score(answer, target, phi, stage.space, independent))(
        logits, candidates
    )


def _logits(stage: SearchProblem, images: Array) -> Array:
    return stage.classifier.apply(stage.classifier.state, images)


def _deform(stage: SearchProblem, candidates: Array) -> Deformation:
    """Deformations of candidates (P, E), displacement (P, V, 3) and wrinkles (P, V), in one matrix product: a
    population reads the basis once, not once a member."""
    head = stage.head
    displacement = jnp.tensordot(candidates, stage.basis, 1)
    if head.appearance.lines is None or stage.line_strengths is None:
        return Deformation(displacement, jnp.zeros(displacement.shape[:2]))
    weights = partial(wrinkle_pattern_weights, head.appearance.lines.region)
    return Deformation(displacement, jax.vmap(weights)(candidates @ stage.line_strengths))


def _views(stage: SearchProblem, prepared: Prepared, pose: Array, moved: Deformation) -> Array:
    """(P, views, H, W, 3) of P candidates, drawn one after another: a CPU's cache holds one picture."""

    def one(member: Deformation) -> Array:
        return augmented_views(render(stage.head, prepared, member, pose, stage.scene), stage.views)

    return jax.lax.map(one, moved)


def build_problem(
    classifier: Classifier,
    head: FaceModel,
    scene: Scene,
    space: SearchSpace,
    views: Literal["plain", "robust"],
    chunk: int,
) -> SearchProblem:
    """A stage in which all that a search does not vary is folded away; the pictures are the same.

    Both halves of an expression move alike, so the bases are added; the expression space would key what is
    compiled, and is not read here.
    """
    both = head.expression_basis if head.whole_basis is None else head.expression_basis + head.whole_basis
    lines, basis = head.appearance.lines, jnp.moveaxis(both, -1, 0)
    strengths = None if lines is None else jnp.einsum("evc,vcl->el", basis, lines.feature)
    drawn = dataclasses.replace(
        head, expression_basis=head.expression_basis[..., :0], whole_basis=None, expressions=_UNREAD
    )
    return SearchProblem(classifier, drawn, scene, space, basis, strengths, views, chunk)
