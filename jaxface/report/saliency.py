"""Saliency: which parts of a picture, and which vertices of a face, an answer depends on.

Occlusion (Zeiler and Fergus 2014, as in Facing Asymmetry, Figs. 23-26): a patch hides part of the picture, and
the answer's loss is assigned to the pixels below it. All patches of all faces are one call. Gradients go
through the renderer to the vertices: the change of the answer's log-odds when a point of the skin moves.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from jaxface.classify import Classifier
from jaxface.classify.probability import log_odds, log_odds_all
from jaxface.core.runtime import brief
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.appearance import wrinkle_weights
from jaxface.interventions import Intervention
from jaxface.render import Deformation, Scene, prepare, render
from jaxface.report.overlays import displacement_at

PLACES = 13  # positions of the patch along each edge of the picture
PATCH = 1 / 7  # of the picture's edge


def occlusion(classifier: Classifier, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure what all answers lose when a patch hides each place of each picture.

    Args:
        images: (n, H, H, 3) float32 in [0, 1].

    Returns:
        (n, K) probabilities of the whole pictures, and (n, PLACES ** 2, K) losses of the answers' log-odds:
        positive where the place supports the answer. (Probabilities would lose nothing where the classifier
        is certain.)
    """
    size = images.shape[1]
    corners, patch = places(size)
    if classifier.on_host:
        logits = np.stack([_host_logits(classifier, image, corners, patch) for image in images])
    else:
        logits = np.asarray(_patch_logits(classifier, np.asarray(images), np.asarray(corners), patch))
    odds = log_odds_all(logits.astype(np.float64), classifier.card.multilabel)
    return expit(odds[:, 0]), odds[:, :1] - odds[:, 1:]


def places(size: int) -> tuple[np.ndarray, int]:
    """Return the patches' upper left corners (PLACES ** 2, 2), row and column, and their edge, in pixels."""
    patch = max(1, round(PATCH * size))
    steps = np.linspace(0, size - patch, PLACES).round().astype(np.int32)
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()], axis=-1), patch


def occlusion_map(losses: np.ndarray, size: int) -> np.ndarray:
    """Return (size, size) the weighted mean of (PLACES ** 2,) losses over the patches that hide a pixel."""
    corners, patch = places(size)
    total, count = np.zeros((size, size)), np.zeros((size, size))
    window = np.sin(np.pi * (np.arange(patch) + 0.5) / patch)
    weight = window[:, None] * window  # a loss is assigned mostly to the middle of its patch
    for (row, column), loss in zip(corners, losses, strict=True):
        pixels = slice(row, row + patch), slice(column, column + patch)
        total[pixels] += loss * weight
        count[pixels] += weight
    return total / np.maximum(count, 1e-12)


def _hide_patch(image: Array, corner: Array, patch: int) -> Array:
    """Return the picture with a patch of its mean colour."""
    row, column = jnp.arange(image.shape[0]) - corner[0], jnp.arange(image.shape[1]) - corner[1]
    mask = ((row >= 0) & (row < patch))[:, None] & ((column >= 0) & (column < patch))[None]
    return jnp.where(mask[..., None], image.mean((0, 1))[None, None], image)


def _with_patches(image: Array, corners: Array, patch: int) -> Array:
    variants = jax.vmap(_hide_patch, in_axes=(None, 0, None))(image, corners, patch)
    return jnp.concatenate([image[None], variants])


@partial(brief, static_argnums=3)
def _patch_logits(classifier: Classifier, images: Array, corners: Array, patch: int) -> Array:
    """Return logits (n, 1 + P, K) float32; memory holds one picture's patches at a time."""

    def one(image: Array) -> Array:
        variants = _with_patches(image, corners, patch)
        return classifier.apply(classifier.state, variants).astype(jnp.float32)

    return jax.lax.map(one, images)


_with_patches_jit = jax.jit(_with_patches, static_argnums=2)


def _host_logits(classifier: Classifier, image: np.ndarray, corners: np.ndarray, patch: int) -> np.ndarray:
    return np.asarray(
        classifier.logits(_with_patches_jit(jnp.asarray(image), jnp.asarray(corners), patch), allow_nan=True)
    )


def vertex_gradient(
    classifier: Classifier,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    intervention: Intervention,
    dose: float,
    answer: int,
) -> np.ndarray:
    """Return (V, 3) the change of an answer's log-odds per metre that each vertex moves, at full expression.

    Edges that move over their background count (`Scene.silhouette`).

    Args:
        params: one face.
        intervention: one with affine fields; others change more than vertices, and the rest is left out.
        answer: index into the classifier's labels.

    Raises:
        ConfigError: the classifier runs on the host and has no gradient.
    """
    leaves = jax.tree.map(jnp.asarray, params)
    return np.asarray(
        _gradient(classifier, head, leaves, scene, intervention, jnp.float32(dose), jnp.int32(answer))
    )


@partial(jax.jit, static_argnames="intervention")
def _gradient(
    classifier: Classifier,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    intervention: Intervention,
    dose: Array,
    answer: Array,
) -> Array:
    person = prepare(head, params, scene)

    def odds(displacement: Array) -> Array:
        wrinkles = wrinkle_weights(head.appearance.wrinkles, displacement)
        picture = render(head, person, Deformation(displacement, wrinkles), params.pose, scene)
        logits = classifier.apply(classifier.state, picture[None])[0].astype(jnp.float32)
        return log_odds(logits, answer, classifier.card.multilabel)

    return jax.grad(odds)(displacement_at(intervention, head, params, dose))


def skin_density(head: FaceModel, gradient: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Return (V,) the change of the log-odds per millimetre that a square centimetre of skin moves, smoothed.

    A vertex's gradient grows with the area of skin around it, and is divided by that area.

    Args:
        gradient: (V, 3) from `vertex_gradient`.
        rounds: of smoothing; each takes the mean of a vertex and its neighbours.
    """
    corners = np.asarray(head.faces)
    positions = np.asarray(head.template, np.float64)[corners]
    edges = positions[:, 1] - positions[:, 0], positions[:, 2] - positions[:, 0]
    area = 0.5 * np.linalg.norm(np.cross(*edges), axis=-1)
    vertex_area = np.zeros(len(gradient))
    np.add.at(vertex_area, corners, area[:, None] / 3)
    density = (
        _smooth(np.asarray(gradient, np.float64), corners, rounds)
        / np.maximum(_smooth(vertex_area, corners, rounds), 1e-9)[:, None]
    )
    return np.asarray(np.linalg.norm(density, axis=-1) * 1e-3 * 1e-4)


def _smooth(values: np.ndarray, corners: np.ndarray, rounds: int) -> np.ndarray:
    """Diffuse values (V, ...) over the mesh; each triangle averages its corners, and the sum is kept."""
    triangles = np.zeros(len(values))
    np.add.at(triangles, corners, 1.0)
    shape = (-1, *(1,) * (values.ndim - 1))
    for _ in range(rounds):
        portions = values / np.maximum(triangles, 1).reshape(shape)
        total = np.zeros_like(values)
        np.add.at(total, corners, np.repeat(portions[corners].mean(1, keepdims=True), 3, axis=1))
        values = np.where(triangles.reshape(shape) > 0, total, values)
    return values
