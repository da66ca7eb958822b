"""Pictures of faces under an intervention: one, many, and whole grids of levels.

An intervention is a static argument of every program here: it is hashed, and compiled for.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.model import check_params
from jaxface.interventions.protocol import Intervention, WholeGrid
from jaxface.render import (
    AffineFrames,
    Prepared,
    Scene,
    affine_pays,
    map_pictures,
    prepare,
    render_affine,
)


def image(
    intervention: Intervention,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    dose: Array | float,
    time: Array | float,
) -> Array:
    """Return `render.image` at one point of the grid, (size, size, 3) display values in [0, 1].

    Args:
        dose, time: () levels of the intervention's axes.

    Raises:
        ShapeError: `params` is not of this head, or is a batch.
    """
    person = prepare(head, params, scene)
    return render(intervention, head, person, params, scene, _levels(dose), _levels(time))


@functools.partial(jax.jit, static_argnums=0)
def render(
    intervention: Intervention,
    head: FaceModel,
    person: Prepared,
    params: FaceParams,
    scene: Scene,
    dose: Array,
    time: Array,
) -> Array:
    """Return `image` of a prepared person; identity and albedo are not read again."""
    check_params(head, expression=params.expression, pose=params.pose)
    return intervention.image(head, person, params, scene, (dose, time))


def images(
    intervention: Intervention,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    dose: Array | float,
    time: Array | float,
) -> Array:
    """Return pictures of different people, (B, size, size, 3), as `render.images` does.

    Args:
        params: fields with a leading axis B.
        dose, time: (B,) or one number for all.
    """
    count = params.expression.shape[:1]
    cases = params, *(jnp.broadcast_to(_levels(each), count) for each in (dose, time))
    return _images(intervention, head, scene, cases)


@functools.partial(jax.jit, static_argnums=0)
def _images(
    intervention: Intervention, head: FaceModel, scene: Scene, cases: tuple[FaceParams, Array, Array]
) -> Array:
    return map_pictures(lambda case: image(intervention, head, case[0], scene, *case[1:]), cases)


@functools.partial(jax.jit, static_argnums=0)
def render_many(
    intervention: Intervention,
    head: FaceModel,
    person: Prepared,
    params: FaceParams,
    scene: Scene,
    dose: Array,
    time: Array,
) -> Array:
    """Return pictures of one prepared person, (B, size, size, 3); each is the same in any batch.

    Args:
        params: expression (B, E) and pose (B, J, 3); identity and albedo are not read again.
        dose, time: (B,).
    """

    def one(case: tuple[Array, Array, Array, Array]) -> Array:
        face = FaceParams(params.identity, case[0], case[1], params.albedo)
        return render(intervention, head, person, face, scene, *case[2:])

    return map_pictures(one, (params.expression, params.pose, dose, time))


def grid(
    intervention: Intervention,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    dose: Array,
    time: Array,
) -> Array:
    """Return one person and expression at every pair of levels, (L, T, size, size, 3).

    From 32 pictures on by candidate lists (`render.render_affine`) where the intervention has
    affine fields; where these do not fit, `image` renders. Visibility is shared where no vertex
    moves (`protocol.WholeGrid`). Differentiable as `image` is.

    Args:
        dose: (L,); time: (T,).
    """
    check_params(head, expression=params.expression, pose=params.pose)
    person = prepare(head, params, scene)
    return prepared_grid(intervention, head, person, params, scene, _levels(dose), _levels(time))


def prepared_grid(
    intervention: Intervention,
    head: FaceModel,
    person: Prepared,
    params: FaceParams,
    scene: Scene,
    dose: Array,
    time: Array,
) -> Array:
    """Return `grid` of a prepared person; identity and albedo are not read again."""
    fast = _is_fast(intervention, head, params, scene, dose, time)
    return (_grid_fast if fast else _grid_exact)(intervention, head, person, params, scene, dose, time)


def fast_grid(
    intervention: Intervention,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    dose: Array,
    time: Array,
) -> tuple[Array, Array]:
    """Return `grid` without gradient, and which of its pictures exist, (L, T) bool.

    Where candidate lists do not fit, pictures are zeros and do not exist. `complete_grid` draws them: a program
    of its own, which is compiled only if it is needed.
    """
    person, dose, time = prepare(head, params, scene), _levels(dose), _levels(time)
    setting = head, person, params, scene
    if not _is_fast(intervention, head, params, scene, dose, time):
        return _grid_exact(intervention, *setting, dose, time), jnp.ones((len(dose), len(time)), bool)
    pictures, exist = render_affine(
        head, person, params.pose, scene, _affine_frames(intervention, head, params, dose, time)
    )
    shape = dose.shape[0], time.shape[0]
    return pictures.reshape(*shape, *pictures.shape[1:]), exist.reshape(shape)


def complete_grid(
    intervention: Intervention,
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    dose: Array,
    time: Array,
    pictures: Array,
    exist: Array,
) -> Array:
    """Return the pictures of `fast_grid`, (L, T, size, size, 3), with those that did not exist."""
    person = prepare(head, params, scene)

    def draw(case: tuple[Array, Array, Array, Array]) -> Array:
        picture, exists, *levels = case
        setting = head, person, params, scene
        return jax.lax.cond(exists, lambda: picture, lambda: render(intervention, *setting, *levels))

    flat = pictures.reshape(-1, *pictures.shape[2:])
    levels = _pairs(_levels(dose), _levels(time))
    return map_pictures(draw, (flat, exist.ravel(), *levels)).reshape(pictures.shape)


def _is_fast(
    intervention: Intervention, head: FaceModel, params: FaceParams, scene: Scene, dose: Array, time: Array
) -> bool:
    affine = jax.eval_shape(intervention.affine_fields, head, params) is not None
    return affine and affine_pays(head, scene, dose.shape[0] * time.shape[0])


# In what follows `setting` is (head, person, params, scene).


@functools.partial(jax.jit, static_argnums=0)
def _grid_affine(intervention: Intervention, *arguments: Any) -> Array:
    """`grid` by candidate lists, of (*setting, dose, time)."""
    *setting, dose, time = arguments
    head, person, params, scene = setting
    frames = _affine_frames(intervention, head, params, dose, time)
    doses, times = _pairs(dose, time)

    def exact(number: Array) -> Array:
        return _frames_exact(intervention, setting, doses[number], times[number])

    pictures, _ = render_affine(head, person, params.pose, scene, frames, exact)
    return pictures.reshape(dose.shape[0], time.shape[0], *pictures.shape[1:])


def _affine_frames(
    intervention: Intervention, head: FaceModel, params: FaceParams, dose: Array, time: Array
) -> AffineFrames:
    fields = intervention.affine_fields(head, params)
    assert fields is not None  # `grid` has checked
    # Bilinear: every frame's coefficients are a mean of those at the corners of the ranges.
    ranges = _pairs(jnp.stack([dose.min(), dose.max()]), jnp.stack([time.min(), time.max()]))
    return AffineFrames(
        fields, intervention.coefficients(*_pairs(dose, time)), intervention.coefficients(*ranges)
    )


@functools.partial(jax.jit, static_argnums=0)
def _grid_exact(intervention: Intervention, *arguments: Any) -> Array:
    """`grid` without candidate lists, of (*setting, dose, time)."""
    *setting, dose, time = arguments
    if isinstance(intervention, WholeGrid):
        head, person, params, scene = setting
        return intervention.grid(head, person, params, scene, (dose, time))
    pictures = _frames_exact(intervention, setting, *_pairs(dose, time))
    return pictures.reshape(dose.shape[0], time.shape[0], *pictures.shape[1:])


def _grid_backward(intervention: Intervention, arguments: tuple[Any, ...], cotangent: Array) -> tuple[Any, ...]:
    """The gradient of the same pictures rendered one by one: words of packed bits have none."""
    return jax.vjp(functools.partial(_grid_exact, intervention), *arguments)[1](cotangent)


_grid_fast = jax.custom_vjp(_grid_affine, nondiff_argnums=(0,))
_grid_fast.defvjp(lambda *arguments: (_grid_affine(*arguments), arguments[1:]), _grid_backward)


def _frames_exact(intervention: Intervention, setting: list[Any], dose: Array, time: Array) -> Array:
    """Frames (N, size, size, 3) of doses and times (N,), one by one."""
    return map_pictures(lambda levels: render(intervention, *setting, *levels), (dose, time))


def _pairs(dose: Array, time: Array) -> tuple[Array, Array]:
    """All pairs of (L,) and (T,), (L T,) each; time varies first."""
    doses, times = jnp.meshgrid(dose, time, indexing="ij")
    return doses.ravel(), times.ravel()


def _levels(values: Array | float) -> Array:
    """An array of the default float type: a Python number would be compiled for once more."""
    return jnp.asarray(values, jnp.result_type(float))
