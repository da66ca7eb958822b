"""Candidates to scores on the device: deform, render, classify, score; finished cases are skipped.

Compiled programs belong to this module, keyed by shapes and structure, so that a second searcher with an
equal classifier and config compiles nothing.
"""

import dataclasses
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify import Classifier
from jaxface.classify.probability import probabilities
from jaxface.core.arrays import on_device
from jaxface.core.pytrees import pytree, static
from jaxface.core.sharding import map_cases
from jaxface.core.target import for_accelerators
from jaxface.core.types import Array
from jaxface.face import geometry
from jaxface.face.appearance import wrinkle_map_weights
from jaxface.face.model import ExpressionSpace, FaceModel, FaceParams
from jaxface.render import Deformation, Prepared, prepare, render, render_posed
from jaxface.render.scenes import Camera, Orthographic, Scene
from jaxface.search.augmentation import augmented_views
from jaxface.search.objective import Scores, ValueAndGrad, gradient_objective, score
from jaxface.search.space import SearchSpace

_UNUSED = ExpressionSpace(lower=None, upper=None, units=None, prototypes=None)  # type: ignore[arg-type]

NO_SCORES = Scores(loss=jnp.inf, probability=0.0)  # type: ignore[arg-type]  # fill values
NO_GRADIENT = ValueAndGrad(NO_SCORES, gradient=0.0)  # type: ignore[arg-type]

_AT_ONCE = 512  # pictures in one batch of the classifier on an accelerator

SHIFTS = ((0.33, 0.0), (-0.33, 0.0), (0.0, 0.33), (0.0, -0.33))
"""Pixels by which the result is moved to see whether its score is due to a lucky pixel."""


@pytree
class SearchProblem:
    """What all cases of a batch share; `views` and `chunk` as in `SearchConfig`.

    A search moves both halves of a face alike, so the effect of an expression is linear: `basis` (E, V, 3)
    displaces the vertices, `wrinkle_strengths` (E, L) gives the strength of the wrinkles; None for a head
    without wrinkles. The head's own bases are empty. Coefficients come first: the gradient would else
    copy the basis on every call.
    """

    classifier: Classifier
    head: FaceModel
    scene: Scene
    space: SearchSpace
    basis: Array
    wrinkle_strengths: Array | None
    views: Literal["plain", "robust"] = static()
    chunk: int = static()


@pytree
class Drawing:
    """The part of a `SearchProblem` that makes pictures."""

    head: FaceModel
    scene: Scene
    basis: Array
    wrinkle_strengths: Array | None
    views: Literal["plain", "robust"] = static()


@pytree
class Cases:
    """n searches: the faces (their expressions are not used), and the target class indices (n,)."""

    params: FaceParams
    targets: Array


def build_problem(
    classifier: Classifier,
    head: FaceModel,
    scene: Scene,
    space: SearchSpace,
    views: Literal["plain", "robust"],
    chunk: int,
) -> SearchProblem:
    """Return a problem in which all that a search does not vary is folded; the pictures are the same.

    Both halves of an expression move alike, so the bases are added. The expression space would be part of
    the key of compiled programs, and is not used here.
    """
    basis, strengths = _fold_expressions(head)
    empty = on_device(np.zeros((*head.expression_basis.shape[:2], 0), np.float32))
    bare_head = dataclasses.replace(head, expression_basis=empty, shared_basis=None, expressions=_UNUSED)
    return SearchProblem(classifier, bare_head, scene, space, basis, strengths, views, chunk)


@jax.jit
def _fold_expressions(head: FaceModel) -> tuple[Array, Array | None]:
    """Basis (E, V, 3) and strengths (E, L) as in `SearchProblem`."""
    both = head.expression_basis if head.shared_basis is None else head.expression_basis + head.shared_basis
    wrinkles, basis = head.appearance.wrinkles, jnp.moveaxis(both, -1, 0)
    return basis, None if wrinkles is None else jnp.einsum("evc,vcl->el", basis, wrinkles.feature)


@jax.jit
def population_scores(problem: SearchProblem, cases: Cases, candidates: Array, active: Array) -> Scores:
    """Return scores (n, P) of candidates (n, P, E); infinite, and free, where `active` (n,) is False."""
    if for_accelerators():
        return _all_scores(problem, cases, candidates, active)
    members = candidates.shape[1]
    chunk = min(problem.chunk, members)

    def score_population(case: Cases, population: Array) -> Scores:
        prepared_face = prepare(problem.head, case.params, problem.scene)
        population = jnp.concatenate([population, population[: -members % chunk]])

        def score_chunk(batch: tuple[Array, Deformation]) -> Scores:
            images = _views(problem, prepared_face, case.params.pose, batch[1])
            logits = logits_of(problem, images.reshape(-1, *images.shape[2:]))
            logits = logits.reshape(*images.shape[:2], -1)
            return scores_of(problem, case.targets, batch[0], logits)

        chunks = jax.tree.map(
            lambda leaf: leaf.reshape(-1, chunk, *leaf.shape[1:]),
            (population, deform(problem, population)),
        )
        # Chunk after chunk on any device: the chunk bounds the memory of one case.
        scores = jax.lax.map(score_chunk, chunks)
        return jax.tree.map(lambda field: field.reshape(-1)[:members], scores)

    return map_cases(score_population, cases, candidates, active=active, default=NO_SCORES)


def _all_scores(problem: SearchProblem, cases: Cases, candidates: Array, active: Array) -> Scores:
    """`population_scores` for accelerators: a population's pictures at once, then all cases' logits."""

    def draw(row: tuple[Array, Cases, Array]) -> Array:
        def views(case: Cases, population: Array) -> Array:
            prepared_face = prepare(problem.head, case.params, problem.scene)
            return _views(problem, prepared_face, case.params.pose, deform(problem, population))

        is_active, *arguments = row
        shape = jax.eval_shape(views, *arguments)
        return jax.lax.cond(is_active, views, lambda *_: jnp.zeros(shape.shape, shape.dtype), *arguments)

    images = jax.lax.map(draw, (active, cases, candidates))  # (n, P, views, H, W, 3)
    pictures = images.reshape(-1, *images.shape[3:])
    batches = -(-len(pictures) // _AT_ONCE)
    missing = -len(pictures) % batches  # batches of one size: a net is compiled once
    pictures = jnp.concatenate([pictures, jnp.zeros((missing, *pictures.shape[1:]), pictures.dtype)])
    logits = jax.lax.map(partial(logits_of, problem), pictures.reshape(batches, -1, *pictures.shape[1:]))
    logits = logits.reshape(len(pictures), -1)[: len(pictures) - missing].reshape(*images.shape[:3], -1)
    scores = jax.vmap(partial(scores_of, problem))(cases.targets, candidates, logits)
    return Scores(
        *(
            jnp.where(active[:, None], field, fill)
            for field, fill in zip(jax.tree.leaves(scores), jax.tree.leaves(NO_SCORES), strict=True)
        )
    )


@jax.jit
def value_and_grad(problem: SearchProblem, cases: Cases, points: Array, active: Array) -> ValueAndGrad:
    """Return scores (n,) and gradients (n, E) of points (n, E), with the renderer's silhouette term.

    Scores are infinite, gradients zero, and both free, where `active` (n,) is False.
    """
    problem = with_silhouettes(problem)

    def differentiate_case(case: Cases, point: Array) -> ValueAndGrad:
        prepared_face = prepare(problem.head, case.params, problem.scene)
        return differentiate(problem, prepared_face, case.params.pose, case.targets, point)

    return map_cases(differentiate_case, cases, points, active=active, default=NO_GRADIENT)


def with_silhouettes(problem: SearchProblem) -> SearchProblem:
    """Return a problem whose gradients include moving edges."""
    return dataclasses.replace(problem, scene=dataclasses.replace(problem.scene, silhouette=True))


def differentiate(
    problem: SearchProblem, prepared_face: Prepared, pose: Array, target: Array, point: Array
) -> ValueAndGrad:
    """Return scores () and gradient (E,) of one point (E,)."""
    multilabel = problem.classifier.card.multilabel

    def loss(phi: Array) -> tuple[Array, Scores]:
        deformation = deform(problem, phi[None])
        logits = logits_of(problem, _views(problem, prepared_face, pose, deformation)[0])
        scores = score(logits, target, phi, problem.space, multilabel)
        return gradient_objective(logits, target, phi, problem.space, multilabel), scores

    grad, scores = jax.grad(loss, has_aux=True)(point)
    return ValueAndGrad(scores, grad)


@jax.jit
def population_images(problem: SearchProblem, params: FaceParams, candidates: Array) -> Array:
    """Render (P, views, H, W, 3) pictures of one person: for classifiers that run on the host."""
    prepared_face = prepare(problem.head, params, problem.scene)
    return _views(problem, prepared_face, params.pose, deform(problem, candidates))


@jax.jit
def population_scores_of(problem: SearchProblem, target: Array, candidates: Array, logits: Array) -> Scores:
    """Return scores (P,) of candidates (P, E) from their logits (P, views, K)."""
    return scores_of(problem, target, candidates, logits)


@jax.jit
def shifted_images(problem: SearchProblem, params: FaceParams, expression: Array) -> Array:
    """Render (4, H, W, 3): one face with the picture moved by a third of a pixel in four directions."""
    prepared_face = prepare(problem.head, params, problem.scene)
    face: Deformation = jax.tree.map(lambda leaf: leaf[0], deform(problem, expression[None]))

    def render_shifted(pixels: Array) -> Array:
        camera = shift_camera(prepared_face.camera, pixels, problem.scene.size)
        view = dataclasses.replace(prepared_face, camera=camera)
        return render(problem.head, view, face, params.pose, problem.scene)

    # One after another on any device: cases are side by side already.
    return jax.lax.map(render_shifted, jnp.asarray(SHIFTS))


@jax.jit
def shifted_probabilities(problem: SearchProblem, cases: Cases, expressions: Array, active: Array) -> Array:
    """Return (n, 4) probabilities of the targets on `shifted_images` of expressions (n, E).

    Zero, and free, where `active` (n,) is False.
    """

    def target_probabilities(case: Cases, expression: Array) -> Array:
        logits = logits_of(problem, shifted_images(problem, case.params, expression))
        return probabilities(logits, problem.classifier.card.multilabel)[:, case.targets]

    return map_cases(target_probabilities, cases, expressions, active=active)


def shift_camera(camera: Camera, pixels: Array, size: int) -> Camera:
    """Return the camera whose picture is moved by `pixels` (2,), +x right, +y up, of `size` pixels."""
    halves = 2.0 * pixels / size
    if isinstance(camera, Orthographic):
        return dataclasses.replace(camera, translation=camera.translation + halves / camera.scale)
    return dataclasses.replace(camera, shift=camera.shift + halves)


def scores_of(problem: SearchProblem, target: Array, candidates: Array, logits: Array) -> Scores:
    """(P,) of candidates (P, E) with logits (P, views, K)."""
    multilabel = problem.classifier.card.multilabel
    return jax.vmap(lambda views, phi: score(views, target, phi, problem.space, multilabel))(logits, candidates)


def logits_of(problem: SearchProblem, images: Array) -> Array:
    return problem.classifier.apply(problem.classifier.state, images)


def deform(problem: SearchProblem | Drawing, candidates: Array) -> Deformation:
    """Displacement (P, V, 3) and wrinkles (P, V) of candidates (P, E).

    In one matrix product: a population reads the basis once, not once a member.
    """
    head = problem.head
    displacement = jnp.tensordot(candidates, problem.basis, 1)
    if head.appearance.wrinkles is None or problem.wrinkle_strengths is None:
        return Deformation(displacement, jnp.zeros(displacement.shape[:2]))
    weights = partial(wrinkle_map_weights, head.appearance.wrinkles.region)
    return Deformation(displacement, jax.vmap(weights)(candidates @ problem.wrinkle_strengths))


def _views(problem: SearchProblem, prepared_face: Prepared, pose: Array, deformation: Deformation) -> Array:
    """(P, views, H, W, 3) of P candidates; one after another on a CPU, whose cache holds one picture."""
    augment = partial(augmented_views, kind=problem.views)
    if for_accelerators() and len(deformation.wrinkles) > 1:
        pose_head = partial(geometry.skin_displaced, problem.head, prepared_face.neutral, prepared_face.joints)
        vertices = jax.vmap(partial(pose_head, pose=pose))(deformation.displacement)
        images = render_posed(problem.head, prepared_face, vertices, deformation.wrinkles, problem.scene)
        return jax.vmap(augment)(images)

    def render_views(member: Deformation) -> Array:
        image = render(problem.head, prepared_face, member, pose, problem.scene)
        return augment(image)

    return map_cases(render_views, deformation)
