"""Fitting: find the face and the camera that explain an image, by gradient through the renderer.

Analysis by synthesis, as in Blanz & Vetter (1999) and Thies et al. (2016, Face2Face): Adam on the
most probable parameters given 68 landmarks, or else the pixels. Priors: the head's population
(identity and colours N(0, 1) about it), and an exponential one on activations, which keeps facial
units at rest unless the image shows them. One image cannot tell a face at rest from a slight
expression, so weak activations are less certain than strong ones.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax

from jaxface.core.errors import ShapeError
from jaxface.core.pytrees import pytree
from jaxface.core.sharding import map_cases
from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.fitting_config import FitConfig
from jaxface.data.rendered.labels import Face
from jaxface.data.rendered.photograph import render_differentiable
from jaxface.data.rendered.regions import face_region
from jaxface.data.rendered.rigs import points
from jaxface.data.rendered.scenes import SceneParams, default_scene
from jaxface.face._landmarks import CONTOUR, COUNT
from jaxface.face._landmarks import landmarks as head_landmarks

_FRAME_SCALE = (0.1, 0.02, 0.02)
"""Deviation of the camera's error about the eyes: fraction of the height, then widths."""


@pytree
class FitResult:
    """Fitted faces; with a leading axis B for many. The errors are those before the last step.

    Attributes:
        face, scene: arguments of `render_example`.
        landmark_error: () root mean square distance of the landmarks that are not on the contour,
            widths of the image; 0 without landmarks.
        pixel_error: () mean absolute error of the pixels within the landmarks' contour, or on the head without
            landmarks, in [0, 1]; 0 without pixels.
    """

    face: Face
    scene: SceneParams
    landmark_error: Array
    pixel_error: Array


_FitParams = dict[str, Array]
"""Parameters by name, in standard units about the start; `activations` in [0, 1]."""


def fit(
    assets: SceneAssets,
    images: Array | None,
    landmarks: Array | None = None,
    config: FitConfig | None = None,
) -> FitResult:
    """Return the most probable faces of B images. Call it under `jit`; `fit_image` fits one image.

    Args:
        assets: their head and camera are the prior; faces are symmetric unless `config.balance` is set.
        images: (B, size, size, 3) in [0, 1], of the recipe's size; used only without landmarks.
        landmarks: (B, 68, 2) in widths of the image, x right, y down, as the column `landmarks`.

    Raises:
        ShapeError: neither images nor landmarks, or of other shapes.
        ConfigError: landmarks for a head without marked landmarks.
    """
    config, size = config or FitConfig(), assets.recipe.size
    if landmarks is not None:
        if landmarks.ndim != 3 or landmarks.shape[1:] != (COUNT, 2):
            raise ShapeError(f"landmarks have shape {landmarks.shape}, not (batch, {COUNT}, 2)")
        return jax.vmap(lambda points: fit_image(assets, None, points, config))(landmarks)
    if images is None or images.ndim != 4 or images.shape[1:] != (size, size, 3):
        shape = "none" if images is None else images.shape
        raise ShapeError(f"images to fit: {shape}, not (batch, {size}, {size}, 3); or give landmarks")
    return map_cases(lambda image: fit_image(assets, image, None, config), images)


def fit_image(
    assets: SceneAssets,
    image: Array | None,
    landmarks: Array | None,
    config: FitConfig,
    landmark_steps: int = 0,
) -> FitResult:
    """Return `fit` of one image (size, size, 3), by its landmarks (68, 2), its pixels, or both.

    Args:
        landmark_steps: steps by landmarks alone that come first, so that the pixels start near the face.
    """
    start, frame = _initial_params(assets, config), _frame(config, landmarks)
    params = start
    if landmark_steps and landmarks is not None:
        first = dataclasses.replace(config, steps=landmark_steps)
        params, _ = _descend(partial(_loss, assets, first, frame, None, landmarks), params, first)
    params, errors = _descend(partial(_loss, assets, config, frame, image, landmarks), params, config)
    if config.relaxed_steps:
        # The prior shrinks the units that it leaves active, too: they go on without it, the others rest.
        most = (params["activations"] > config.active).astype(jnp.float32)
        last = dataclasses.replace(config, steps=config.relaxed_steps, sparsity=0.0)
        params, errors = _descend(partial(_loss, assets, last, frame, image, landmarks), params, last, most)
    return FitResult(*_face_and_scene(assets, config, frame, params), errors[0][-1], errors[1][-1])


def _descend(
    loss: Callable[[_FitParams], tuple[Array, tuple[Array, Array]]],
    start: _FitParams,
    config: FitConfig,
    most: Array | float = 1.0,
) -> tuple[_FitParams, tuple[Array, Array]]:
    """Adam from `start`, activations in [0, most]. Returns the parameters and the errors of every step."""
    optimizer = optax.adam(optax.cosine_decay_schedule(config.learning_rate, config.steps, alpha=0.1), b2=0.99)
    grad_fn = jax.grad(loss, has_aux=True)

    def train_step(
        state: tuple[_FitParams, optax.OptState], _: None
    ) -> tuple[tuple[_FitParams, optax.OptState], tuple[Array, Array]]:
        params, opt_state = state
        grads, errors = grad_fn(params)
        # One gradient that is not finite must not end the fit: that entry counts as zero.
        grads = jax.tree.map(lambda grad: jnp.where(jnp.isfinite(grad), grad, 0.0), grads)
        updates, opt_state = optimizer.update(grads, opt_state)
        params = dict(optax.apply_updates(params, updates))
        params["activations"] = jnp.clip(params["activations"], 0.0, most)
        return (params, opt_state), errors

    (params, _), errors = jax.lax.scan(train_step, (start, optimizer.init(start)), None, length=config.steps)
    return params, errors


def _initial_params(assets: SceneAssets, config: FitConfig) -> _FitParams:
    """The mean person, looking into the camera, with a trace of every unit: each has a gradient."""
    size, colours = assets.head.identity_basis.shape[-1], assets.head.population.mean.shape[1]
    sizes = {"identity": size, "albedo": colours - size, "turn": 3, "gaze": 2, "frame": 3, "light": (9, 3)}
    start = {name: jnp.zeros(each) for name, each in sizes.items()}
    if config.balance:
        start["balance"] = jnp.full((), 0.02)  # at 0 neither side has a gradient
    return start | {"activations": jnp.full(assets.rest_units.shape[0], 0.05, jnp.float32)}


def _frame(config: FitConfig, landmarks: Array | None) -> Array:
    """(3,) height, eye line and shift: from the landmarks of the eyes, or from the config."""
    if landmarks is None:
        return jnp.asarray([config.height, config.eye_line, 0.0], jnp.float32)
    right, left = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    middle, interocular = 0.5 * (left + right), jnp.maximum(jnp.linalg.norm(left - right), 0.02)
    return jnp.stack([1.0 / interocular, middle[1], middle[0] - 0.5])


def _face_and_scene(
    assets: SceneAssets, config: FitConfig, frame: Array, params: _FitParams
) -> tuple[Face, SceneParams]:
    """The face and the scene of parameters in standard units."""
    prior, size = assets.head.population, assets.head.identity_basis.shape[-1]
    # Mean and variance of the mixture of the population's groups.
    mean = assets.group_weights @ prior.mean
    second_moment = assets.group_weights @ (prior.deviation**2 + prior.mean**2)
    deviation = jnp.sqrt(jnp.maximum(second_moment - mean**2, 0.0))
    angle = jnp.deg2rad(config.turn)
    balance = config.balance * params["balance"] if config.balance else jnp.zeros(())
    face = Face(
        identity=mean[:size] + deviation[:size] * params["identity"],
        albedo=mean[size:] + deviation[size:] * params["albedo"],
        activations=params["activations"],
        turn=angle * params["turn"],
        gaze=0.5 * angle * params["gaze"],
        symmetry=1.0 - jnp.minimum(jnp.abs(balance), 1.0),
        frozen_left=balance < 0.0,
    )
    # The error of the height is relative, those of the eye line and the shift are absolute.
    scale = jnp.asarray(_FRAME_SCALE, jnp.float32) * jnp.concatenate([frame[:1], jnp.ones(2)])
    return face, default_scene(assets, frame + scale * params["frame"], params["light"])


def _loss(
    assets: SceneAssets,
    config: FitConfig,
    frame: Array,
    image: Array | None,
    landmarks: Array | None,
    params: _FitParams,
) -> tuple[Array, tuple[Array, Array]]:
    """Negative log posterior up to a constant, and the errors of `FitResult`."""
    face, scene = _face_and_scene(assets, config, frame, params)
    normal = [params[name] for name in ("identity", "albedo", "turn", "gaze", "frame", "light")]
    loss = 0.5 * sum(jnp.sum(each * each) for each in normal)
    if config.balance:
        loss += 0.5 * params["balance"] ** 2
    loss += config.sparsity * jnp.sum(params["activations"])
    landmark_error = pixel_error = jnp.zeros(())
    if landmarks is not None:
        squares = _squared_distances(assets, face, scene, landmarks)
        contour = jnp.arange(COUNT) < CONTOUR
        deviation = jnp.where(contour, config.contour_error, config.landmark_error)
        loss += 0.5 * jnp.sum(squares / deviation**2)
        landmark_error = jnp.sqrt(jnp.mean(squares[CONTOUR:]))
    if image is not None:
        region = None if landmarks is None else face_region(landmarks, image.shape[0])
        pixel_error = _pixel_error(assets, face, scene, image, region)
        loss += config.pixels * pixel_error / config.pixel_error
    return loss, (landmark_error, pixel_error)


def _squared_distances(assets: SceneAssets, face: Face, scene: SceneParams, landmarks: Array) -> Array:
    """(68,) squared distances of the landmarks, squared widths of the image."""
    batch = jax.tree.map(lambda leaf: leaf[None], (face, scene))
    projections = points(assets.rig, head_landmarks(assets.head), *batch)[0]
    return jnp.sum((projections - landmarks) ** 2, axis=-1)


def _pixel_error(
    assets: SceneAssets, face: Face, scene: SceneParams, image: Array, region: Array | None
) -> Array:
    """Mean absolute error over a region of the image, smooth at zero.

    Without a region, over the pixels that show the head. Then a head may grow to have more pixels that are
    easily explained, such as an even background.
    """
    rendering, on_head = render_differentiable(assets, face, scene)
    error = jnp.sqrt((rendering - image) ** 2 + 1e-4) - 1e-2
    mask = on_head if region is None else region
    return jnp.sum(jnp.where(mask[..., None], error, 0.0)) / (3.0 * jnp.maximum(jnp.sum(mask), 1))
