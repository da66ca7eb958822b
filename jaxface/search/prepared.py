"""Searches on a CPU: people are prepared once, and pictures are drawn apart from what judges them.

Programs take turns: `deform` and `draw` render a few candidates of each case, `judge` asks the classifier, and
`value_and_grad` does both with a gradient. Drawing knows no classifier: one compiled program serves all
classifiers of an audit, populations of any size, and the moved pictures at the end of a search.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify.probability import probabilities
from jaxface.core.pytrees import pytree
from jaxface.core.sharding import CaseSharding, map_cases
from jaxface.core.types import Array
from jaxface.face.model import FaceParams
from jaxface.render import Deformation, Prepared, prepare, render
from jaxface.search import evaluate
from jaxface.search.augmentation import augmented_views
from jaxface.search.evaluate import Drawing, SearchProblem
from jaxface.search.objective import Scores, ValueAndGrad


@pytree
class Faces:
    """People ready to be drawn, fields with a leading axis; `pose` (n, J, 3)."""

    person: Prepared
    pose: Array


@pytree
class Judgement:
    """Scores (n, M) of candidates, and the target's probability in each of their views, (n, M, views)."""

    scores: Scores
    view_probability: Array


_NO_JUDGEMENT = Judgement(evaluate.NO_SCORES, 0.0)  # type: ignore[arg-type]  # fill values


def drawing_of(problem: SearchProblem) -> Drawing:
    """Return what draws the pictures of a problem."""
    return Drawing(problem.head, problem.scene, problem.basis, problem.wrinkle_strengths, problem.views)


def prepare_faces(sharding: CaseSharding, drawing: Drawing, params: FaceParams) -> Faces:
    """Return as many faces as a sharding has slots, on every device; the last of n is repeated.

    Args:
        drawing: from `CaseSharding.replicate`.
        params: fields with a leading axis n.
    """
    faces = sharding(_prepare, drawing, params)
    missing = sharding.capacity - len(faces.pose)
    return sharding.replicate(
        jax.tree.map(lambda leaf: np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)]), faces)
    )


def _prepare(drawing: Drawing, params: FaceParams) -> Faces:
    def prepare_one(params: FaceParams) -> Faces:
        return Faces(prepare(drawing.head, params, drawing.scene), params.pose)

    return map_cases(prepare_one, params)


def deform(drawing: Drawing, candidates: Array, pixels: Array, active: Array) -> Deformation:
    """Return how candidates (n, M, E) displace their heads, fields (n, M, ...); zeros where not active.

    Args:
        candidates: or (n, 1, E), for M pictures of one expression.
        pixels: (n, M, 2) as in `draw`.
    """

    def deform_case(candidates: Array, pixels: Array) -> Deformation:
        deformation = evaluate.deform(drawing, candidates)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(pixels), *leaf.shape[1:])), deformation)

    return map_cases(deform_case, candidates, pixels, active=active)


def draw(
    common: tuple[Drawing, Faces], numbers: Array, deformation: Deformation, pixels: Array, active: Array
) -> Array:
    """Return pictures (n, M, views, H, W, 3) of deformed faces; zeros, and free, where not active.

    Args:
        numbers: (n,) which face each case has.
        deformation: fields (n, M, ...).
        pixels: (n, M, 2) by which each picture is moved, as in `evaluate.shift_camera`.
    """
    drawing, faces = common

    def draw_case(number: Array, deformation: Deformation, pixels: Array) -> Array:
        face = _take(faces, number)

        def draw_one(deformation: Deformation, pixels: Array) -> Array:
            camera = evaluate.shift_camera(face.person.camera, pixels, drawing.scene.size)
            person = dataclasses.replace(face.person, camera=camera)
            picture = render(drawing.head, person, deformation, face.pose, drawing.scene)
            return augmented_views(picture, drawing.views)

        return map_cases(draw_one, deformation, pixels)

    return map_cases(draw_case, numbers, deformation, pixels, active=active)


def judge(problem: SearchProblem, targets: Array, candidates: Array, images: Array, active: Array) -> Judgement:
    """Return the judgement of pictures from `draw`; infinite losses, and free, where not active.

    Args:
        candidates: (n, M, E), whose pictures are the first M of each case.
    """
    images = images[:, : candidates.shape[1]]
    multilabel = problem.classifier.card.multilabel

    def judge_case(target: Array, candidates: Array, images: Array) -> Judgement:
        logits = evaluate.logits_of(problem, images.reshape(-1, *images.shape[2:]))
        logits = logits.reshape(*images.shape[:2], -1)
        probability = probabilities(logits, multilabel)[..., target]
        return Judgement(evaluate.scores_of(problem, target, candidates, logits), probability)

    return map_cases(judge_case, targets, candidates, images, active=active, default=_NO_JUDGEMENT)


def value_and_grad(
    common: tuple[SearchProblem, Faces], numbers: Array, targets: Array, points: Array, active: Array
) -> ValueAndGrad:
    """Return `evaluate.value_and_grad` of cases with these faces and targets."""
    problem, faces = common
    problem = evaluate.with_silhouettes(problem)

    def differentiate(number: Array, target: Array, point: Array) -> ValueAndGrad:
        face = _take(faces, number)
        return evaluate.differentiate(problem, face.person, face.pose, target, point)

    return map_cases(differentiate, numbers, targets, points, active=active, default=evaluate.NO_GRADIENT)


def _take(faces: Faces, number: Array) -> Faces:
    return jax.tree.map(lambda leaf: jnp.take(leaf, number, axis=0, mode="clip"), faces)
