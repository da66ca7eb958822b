"""Fitting: which face before which camera explains an image? By gradient through what draws the pictures.

Analysis by synthesis, as Blanz & Vetter (1999) and Thies et al. (2016, Face2Face) do it: Adam on the most
probable parameters given 68 landmarks, or the pixels where there are none. Priors are those of the head's
population (identity and colours N(0, 1) about it) and an exponential one on activations, which keeps facial
units at rest that nothing speaks for. From one image a face at rest and a slight expression cannot be told
apart, so weak activations are less sure than strong ones.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import optax

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.pytrees import pytree
from jaxface.core.sharding import map_cases
from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.faces import Face
from jaxface.data.rendered.photograph import render_differentiable
from jaxface.data.rendered.rigs import points
from jaxface.data.rendered.scenes import SceneParams, default_scene
from jaxface.face._landmarks import CONTOUR, COUNT, landmarks

_FRAME = (0.1, 0.02, 0.02)
"""How far the camera may be off what the eyes say: share of the height, then widths of the image."""


@dataclass(frozen=True)
class FitConfig:
    """How images are fitted."""

    steps: int = 300
    """Of Adam."""

    learning_rate: float = 0.2
    """First step, in standard deviations of each parameter's prior; a cosine takes it to a tenth."""

    landmark_error: float = 0.006
    """Standard deviation of a landmark, in widths of the image; that of a detector is some .01."""

    contour_error: float = 0.02
    """The same for the 17 points of the outline, which slide over the skin as the head turns."""

    pixel_error: float = 0.05
    """Scale of a pixel's error, in [0, 1]; the error counts as its absolute value, beyond."""

    pixels: float = 400.0
    """How many independent measurements the pixels of a face are worth."""

    sparsity: float = 4.0
    """Rate of the exponential prior of activations."""

    turn: float = 15.0
    """Standard deviation of the angles of the head, degrees; that of the gaze is half of it."""

    height: float = 2.9
    """Of an image without landmarks, in interocular distances, with some error."""

    eye_line: float = 0.39
    """Share of such an image above the eyes, with some error."""

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "learning_rate",
            "landmark_error",
            "contour_error",
            "pixel_error",
            "turn",
            "height",
        ):
            if getattr(self, name) <= 0:
                raise ConfigError(f"fit: {name} = {getattr(self, name)} wants a positive number")
        for name in ("pixels", "sparsity"):
            if getattr(self, name) < 0:
                raise ConfigError(f"fit: {name} = {getattr(self, name)} cannot be negative")


@pytree
class FitResult:
    """What was found; with a leading axis B for many.

    Attributes:
        face, shot: as `photograph.picture` takes them.
        landmark_error: () root mean square distance of the landmarks that are no contour, widths of the image;
            0 without landmarks.
        pixel_error: () mean absolute error of the pixels on the head, in [0, 1]; 0 where pixels were not used.
            Both before the last step.
    """

    face: Face
    shot: SceneParams
    landmark_error: Array
    pixel_error: Array


@pytree
class _Unknowns:
    """In standard units about the start, all but `activations`.

    Attributes:
        activations: (N,) in [0, 1].
        identity: (I,); albedo: (A,).
        turn: (3,); gaze: (2,).
        frame: (3,) height, eye line and shift of the camera.
        light: (9, 3).
    """

    activations: Array
    identity: Array
    albedo: Array
    turn: Array
    gaze: Array
    frame: Array
    light: Array


def fit(
    studio: SceneAssets,
    images: Array | None,
    marks: Array | None = None,
    config: FitConfig | None = None,
) -> FitResult:
    """The most probable faces of B images; call it under `jit`, or see `fitted` for one image.

    Args:
        studio: its head and camera say what is looked for; faces are taken to be symmetric.
        images: (B, size, size, 3) in [0, 1], of the studio's size; used where there are no marks. None = no
            pixels.
        marks: (B, 68, 2) landmarks in widths of the image, x right, y down, as the column `landmarks`.

    Raises:
        ShapeError: neither images nor landmarks, or of other shapes.
        ConfigError: landmarks for a head on which nobody has marked them.
    """
    config, size = config or FitConfig(), studio.recipe.size
    if marks is not None:
        if marks.ndim != 3 or marks.shape[1:] != (COUNT, 2):
            raise ShapeError(f"landmarks have shape {marks.shape}, wanted (batch, {COUNT}, 2)")
        return jax.vmap(lambda one: fit_photograph(studio, None, one, config))(marks)
    if images is None or images.ndim != 4 or images.shape[1:] != (size, size, 3):
        came = "none" if images is None else images.shape
        raise ShapeError(f"images to fit: {came}, wanted (batch, {size}, {size}, 3), or landmarks")
    return map_cases(lambda one: fit_photograph(studio, one, None, config), images)


def fit_photograph(
    studio: SceneAssets, image: Array | None, marks: Array | None, config: FitConfig
) -> FitResult:
    """`fit` of one image (size, size, 3), by its landmarks (68, 2), its pixels, or both."""
    start, frame = _start(studio), _framed(config, marks)
    optimizer = optax.adam(optax.cosine_decay_schedule(config.learning_rate, config.steps, alpha=0.1), b2=0.99)
    slope = jax.grad(partial(_doubt, studio, config, frame, image, marks), has_aux=True)

    def step(
        state: tuple[_Unknowns, optax.OptState], _: None
    ) -> tuple[tuple[_Unknowns, optax.OptState], tuple[Array, Array]]:
        unknowns, moments = state
        gradient, errors = slope(unknowns)
        gradient = jax.tree.map(lambda each: jnp.where(jnp.isfinite(each), each, 0.0), gradient)
        updates, moments = optimizer.update(gradient, moments)
        return (_inside(optax.apply_updates(unknowns, updates)), moments), errors

    (found, _), errors = jax.lax.scan(step, (start, optimizer.init(start)), None, length=config.steps)
    return FitResult(*_meant(studio, config, frame, found), errors[0][-1], errors[1][-1])


def _start(studio: SceneAssets) -> _Unknowns:
    """Nobody in particular, who looks into the camera; a trace of every unit, for a gradient to begin with."""
    count, size = studio.resting.shape[0], studio.head.identity_basis.shape[-1]
    colours = studio.head.population.mean.shape[1] - size
    return _Unknowns(
        activations=jnp.full(count, 0.05, jnp.float32),
        identity=jnp.zeros(size),
        albedo=jnp.zeros(colours),
        turn=jnp.zeros(3),
        gaze=jnp.zeros(2),
        frame=jnp.zeros(3),
        light=jnp.zeros((9, 3)),
    )


def _framed(config: FitConfig, marks: Array | None) -> Array:
    """(3,) height, eye line and shift: where the landmarks of the eyes are, or as the config says."""
    if marks is None:
        return jnp.asarray([config.height, config.eye_line, 0.0], jnp.float32)
    right, left = marks[36:42].mean(0), marks[42:48].mean(0)
    middle, apart = 0.5 * (left + right), jnp.maximum(jnp.linalg.norm(left - right), 0.02)
    return jnp.stack([1.0 / apart, middle[1], middle[0] - 0.5])


def _inside(unknowns: _Unknowns) -> _Unknowns:
    """Activations stay in [0, 1]."""
    return dataclasses.replace(unknowns, activations=jnp.clip(unknowns.activations, 0.0, 1.0))


def _meant(
    studio: SceneAssets, config: FitConfig, frame: Array, unknowns: _Unknowns
) -> tuple[Face, SceneParams]:
    """The face and the shot that the unknowns stand for."""
    prior, size = studio.head.population, studio.head.identity_basis.shape[-1]
    mean = studio.group_weights @ prior.mean
    second = studio.group_weights @ (prior.deviation**2 + prior.mean**2)
    deviation = jnp.sqrt(jnp.maximum(second - mean**2, 0.0))
    angle = jnp.deg2rad(config.turn)
    face = Face(
        identity=mean[:size] + deviation[:size] * unknowns.identity,
        albedo=mean[size:] + deviation[size:] * unknowns.albedo,
        activations=unknowns.activations,
        turn=angle * unknowns.turn,
        gaze=0.5 * angle * unknowns.gaze,
        symmetry=jnp.ones(()),
        frozen_left=jnp.zeros((), bool),
    )
    off = jnp.asarray(_FRAME, jnp.float32) * jnp.concatenate([frame[:1], jnp.ones(2)])
    return face, default_scene(studio, frame + off * unknowns.frame, unknowns.light)


def _doubt(
    studio: SceneAssets,
    config: FitConfig,
    frame: Array,
    image: Array | None,
    marks: Array | None,
    unknowns: _Unknowns,
) -> tuple[Array, tuple[Array, Array]]:
    """- log of the posterior, but for a constant; and the errors of landmarks and pixels, as in `Fitted`."""
    face, shot = _meant(studio, config, frame, unknowns)
    normal = [getattr(unknowns, name) for name in ("identity", "albedo", "turn", "gaze", "frame", "light")]
    total = 0.5 * sum(jnp.sum(each * each) for each in normal)
    total += config.sparsity * jnp.sum(unknowns.activations)
    off = pixels = jnp.zeros(())
    if marks is not None:
        squared = _distances(studio, face, shot, marks)
        contour = jnp.arange(COUNT) < CONTOUR
        deviation = jnp.where(contour, config.contour_error, config.landmark_error)
        total += 0.5 * jnp.sum(squared / deviation**2)
        off = jnp.sqrt(jnp.mean(squared[CONTOUR:]))
    if image is not None:
        pixels = _pixel_error(studio, face, shot, image)
        total += config.pixels * pixels / config.pixel_error
    return total, (off, pixels)


def _distances(studio: SceneAssets, face: Face, shot: SceneParams, marks: Array) -> Array:
    """(68,) squared distances, squared widths of the image."""
    alone = jax.tree.map(lambda leaf: leaf[None], (face, shot))
    found = points(studio.rig, landmarks(studio.head), *alone)[0]
    return jnp.sum((found - marks) ** 2, axis=-1)


def _pixel_error(studio: SceneAssets, face: Face, shot: SceneParams, image: Array) -> Array:
    """Mean absolute error over the pixels that show the head, smooth at zero."""
    drawn, covered = render_differentiable(studio, face, shot)
    error = jnp.sqrt((drawn - image) ** 2 + 1e-4) - 1e-2
    return jnp.sum(jnp.where(covered[..., None], error, 0.0)) / (3.0 * jnp.maximum(jnp.sum(covered), 1))
