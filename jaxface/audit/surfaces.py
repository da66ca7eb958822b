"""From a found face to answers: the surface over symmetry and time, and whole answers at a few symmetries."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.audit.interventions import CHECKED, Intervention
from jaxface.classify import Classifier
from jaxface.core.types import EXPRESSIONS, Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.sides import Side
from jaxface.render import Scene, grid, images

_IMAGES_AT_ONCE = 100
_BYTES_AT_ONCE = 2**26  # of images between renderer and classifier


class Surface(NamedTuple):
    """One cell's answers for the target expression: probability and logit, each (S, T) float32."""

    probability: np.ndarray
    logit: np.ndarray


def surface(
    classifier: Classifier,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    intervention: Intervention,
    target: int,
) -> Surface:
    """Render the face at every (symmetry, time) step and ask the classifier for the class `target`.

    Images stay on the device, in chunks of time steps whose size depends on the grid and the scene alone;
    nothing is traced again for another face, expression or target.

    Args:
        params: one face, whose expression is the full one.
        target: index into the classifier's labels.
    """
    times, steps = intervention.time, intervention.symmetry_steps
    chunk = time_chunk(steps, len(times), scene.size)
    padded = np.pad(times, (0, -len(times) % chunk), mode="edge").reshape(-1, chunk)
    symmetry, side = jnp.asarray(intervention.symmetry), intervention.side
    if classifier.on_host:
        answers = [
            classifier.logits(_flat_grid(head, params, scene, symmetry, jnp.asarray(part), side))
            for part in padded
        ]
        logits = np.stack([np.asarray(answer) for answer in answers])
    else:
        logits = np.asarray(_answers(classifier, head, params, scene, symmetry, jnp.asarray(padded), side))
    logits = logits.reshape(len(padded), steps, chunk, -1).swapaxes(0, 1)
    logits = logits.reshape(steps, padded.size, -1)[:, : len(times)].astype(np.float32)
    return Surface(softmax(logits)[..., target], logits[..., target])


def found_images(head: FaceModel, params: FaceParams, scene: Scene, side: Side) -> Array:
    """Faces at full expression and the checked symmetries, (n, len(CHECKED), size, size, 3).

    Args:
        params: fields with a leading axis n.
    """
    count = params.expression.shape[0]
    several = jax.tree.map(lambda leaf: jnp.repeat(leaf, len(CHECKED), axis=0), params)
    symmetry = jnp.tile(jnp.array(CHECKED, jnp.float32), count)
    drawn = images(head, several, scene, symmetry, jnp.ones(len(symmetry)), side)
    return drawn.reshape(count, len(CHECKED), *drawn.shape[1:])


def vocabulary_answers(classifier: Classifier, pictures: Array) -> tuple[np.ndarray, np.ndarray]:
    """A classifier's answers to (n, H, W, 3) in the order of `core.types.EXPRESSIONS`.

    Returns:
        (n, 8) float32 probabilities, NaN where the classifier has no such class, and (n,) int8 positions of
        the top class, -1 where the answers are not finite.
    """
    probability = softmax(np.asarray(classifier.logits(pictures), np.float32))
    whole = np.full((len(probability), len(EXPRESSIONS)), np.nan, np.float32)
    whole[:, [EXPRESSIONS.index(label) for label in classifier.labels]] = probability
    finite = np.isfinite(probability).all(-1)
    top = np.argmax(np.where(np.isnan(whole), -1.0, whole), axis=-1)
    return whole, np.where(finite, top, -1).astype(np.int8)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (..., K) float32, computed in float64."""
    exact = logits.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):  # an answer that is not finite stays that: it is data
        odds = np.exp(exact - exact.max(-1, keepdims=True))
        return (odds / odds.sum(-1, keepdims=True)).astype(np.float32)


def time_chunk(symmetry_steps: int, time_steps: int, size: int) -> int:
    """How many time steps are rendered at once: as even a division of all as fits the limits."""
    images_at_once = min(_IMAGES_AT_ONCE, _BYTES_AT_ONCE // (size * size * 3 * 4))
    most = max(1, images_at_once // symmetry_steps)
    return -(-time_steps // -(-time_steps // most))


@partial(jax.jit, static_argnames="side")
def _flat_grid(
    head: FaceModel, params: FaceParams, scene: Scene, symmetry: Array, time: Array, side: Side
) -> Array:
    drawn = grid(head, params, scene, symmetry, time, side)
    return drawn.reshape(-1, *drawn.shape[2:])


@partial(jax.jit, static_argnames="side")
def _answers(
    classifier: Classifier,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    symmetry: Array,
    times: Array,
    side: Side,
) -> Array:
    """Logits (chunks, S * chunk, K) of times (chunks, chunk)."""

    def one(part: Array) -> Array:
        return classifier.apply(classifier.state, _flat_grid(head, params, scene, symmetry, part, side))

    return jax.lax.map(one, times)
