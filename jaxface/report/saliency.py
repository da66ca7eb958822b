"""Which parts of a picture, and which vertices of a face, an answer hangs on.

Occlusion (Zeiler and Fergus 2014, as in Facing Asymmetry, Figs. 23-26): a patch hides part of the picture, and
the answer's loss is given to the pixels below it. All patches of all faces are one call. Gradients go through
the renderer to the vertices: how much the answer's log-odds change when a point of the skin moves.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from jaxface.classify import Classifier
from jaxface.classify.probability import log_odds, log_odds_all
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.face.appearance import wrinkle_weights
from jaxface.face.sides import Side
from jaxface.render import Deformation, Scene, prepare, render

PLACES = 13  # of the patch along each edge of the picture
PATCH = 1 / 7  # of the picture's edge


def occlusion(classifier: Classifier, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What hiding each place of each picture does to all answers.

    Args:
        images: (n, H, H, 3) float32 in [0, 1].

    Returns:
        (n, K) probabilities of the whole pictures, and (n, PLACES ** 2, K) what the answers' log-odds lose
        when patches hide a place: positive where the place speaks for the answer. (Probabilities would lose
        nothing where the classifier is sure.)
    """
    size = images.shape[1]
    corners, patch = places(size)
    if classifier.on_host:
        said = np.stack([_asked_on_host(classifier, image, corners, patch) for image in images])
    else:
        said = np.asarray(_asked(classifier, jnp.asarray(images), jnp.asarray(corners), patch))
    odds = log_odds_all(said.astype(np.float64), classifier.card.multilabel)
    return expit(odds[:, 0]), odds[:, :1] - odds[:, 1:]


def places(size: int) -> tuple[np.ndarray, int]:
    """Upper left corners (PLACES ** 2, 2) of patches as row and column, and the patches' edge, in pixels."""
    patch = max(1, round(PATCH * size))
    steps = np.linspace(0, size - patch, PLACES).round().astype(np.int32)
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()], axis=-1), patch


def occlusion_map(losses: np.ndarray, size: int) -> np.ndarray:
    """(size, size) the weighted mean loss over the patches that hide a pixel, of (PLACES ** 2,) losses."""
    corners, patch = places(size)
    total, count = np.zeros((size, size)), np.zeros((size, size))
    slope = np.sin(np.pi * (np.arange(patch) + 0.5) / patch)
    weight = slope[:, None] * slope  # a patch tells most of its middle
    for (row, column), loss in zip(corners, losses, strict=True):
        covered = slice(row, row + patch), slice(column, column + patch)
        total[covered] += loss * weight
        count[covered] += weight
    return total / np.maximum(count, 1e-12)


def _covered(image: Array, corner: Array, patch: int) -> Array:
    """The picture with a patch of its mean colour."""
    row, column = jnp.arange(image.shape[0]) - corner[0], jnp.arange(image.shape[1]) - corner[1]
    hidden = ((row >= 0) & (row < patch))[:, None] & ((column >= 0) & (column < patch))[None]
    return jnp.where(hidden[..., None], image.mean((0, 1))[None, None], image)


def _with_patches(image: Array, corners: Array, patch: int) -> Array:
    hidden = jax.vmap(_covered, in_axes=(None, 0, None))(image, corners, patch)
    return jnp.concatenate([image[None], hidden])


@partial(jax.jit, static_argnums=3)
def _asked(classifier: Classifier, images: Array, corners: Array, patch: int) -> Array:
    """Logits (n, 1 + P, K) float32; memory holds one picture's patches at a time."""

    def one(image: Array) -> Array:
        several = _with_patches(image, corners, patch)
        return classifier.apply(classifier.state, several).astype(jnp.float32)

    return jax.lax.map(one, images)


_patched = jax.jit(_with_patches, static_argnums=2)


def _asked_on_host(classifier: Classifier, image: np.ndarray, corners: np.ndarray, patch: int) -> np.ndarray:
    several = _patched(jnp.asarray(image), jnp.asarray(corners), patch)
    return np.asarray(classifier.logits(several))


def vertex_push(
    classifier: Classifier,
    head: FaceModel,
    face: FaceParams,
    scene: Scene,
    symmetry: float,
    answer: int,
    side: Side = "left",
) -> np.ndarray:
    """(V, 3) how the log-odds of an answer change a metre that each vertex moves, at full expression.

    Edges that move over what lies behind them count (`Scene.silhouette`).

    Args:
        face: one.
        answer: index into the classifier's labels.

    Raises:
        ConfigError: the classifier runs on the host and has no gradient.
    """
    parameters = jax.tree.map(jnp.asarray, face)
    return np.asarray(
        _push(classifier, head, parameters, scene, jnp.float32(symmetry), jnp.int32(answer), side)
    )


@partial(jax.jit, static_argnames="side")
def _push(
    classifier: Classifier,
    head: FaceModel,
    face: FaceParams,
    scene: Scene,
    symmetry: Array,
    answer: Array,
    side: Side,
) -> Array:
    prepared = prepare(head, face, scene)
    moved = geometry.expression_displacement(head, face.expression, symmetry, 1.0, side)

    def odds(displacement: Array) -> Array:
        wrinkles = wrinkle_weights(head.appearance.lines, displacement)
        picture = render(head, prepared, Deformation(displacement, wrinkles), face.pose, scene)
        logits = classifier.apply(classifier.state, picture[None])[0].astype(jnp.float32)
        return log_odds(logits, answer, classifier.card.multilabel)

    return jax.grad(odds)(moved)


def skin_density(head: FaceModel, push: np.ndarray, rounds: int = 3) -> np.ndarray:
    """(V,) change of the log-odds a millimetre that a square centimetre of skin moves, smoothed.

    A vertex's gradient grows with the skin that it carries, so it is divided by that.

    Args:
        push: (V, 3) from `vertex_push`.
        rounds: how often each vertex takes the mean with its neighbours.
    """
    corners = np.asarray(head.faces)
    at = np.asarray(head.template, np.float64)[corners]
    area = 0.5 * np.linalg.norm(np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]), axis=-1)
    carried = np.zeros(len(push))
    np.add.at(carried, corners, area[:, None] / 3)
    density = (
        _smoothed(np.asarray(push, np.float64), corners, rounds)
        / np.maximum(_smoothed(carried, corners, rounds), 1e-9)[:, None]
    )
    return np.asarray(np.linalg.norm(density, axis=-1) * 1e-3 * 1e-4)


def _smoothed(values: np.ndarray, corners: np.ndarray, rounds: int) -> np.ndarray:
    """Each vertex gives two thirds of its value to the corners of its triangles; the sum stays."""
    triangles = np.zeros(len(values))
    np.add.at(triangles, corners, 1.0)
    shape = (-1, *(1,) * (values.ndim - 1))
    for _ in range(rounds):
        given = values / np.maximum(triangles, 1).reshape(shape)
        spread = np.zeros_like(values)
        np.add.at(spread, corners, np.repeat(given[corners].mean(1, keepdims=True), 3, axis=1))
        values = np.where(triangles.reshape(shape) > 0, spread, values)
    return values
