"""Pictures of faces: render = pose, project, find the visible triangle, shade."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxface.core.errors import ShapeError
from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face import geometry
from jaxface.face.appearance import albedo_size, texture, wrinkle_weights
from jaxface.face.model import FaceModel, FaceParams
from jaxface.face.sides import Side
from jaxface.render.attributes import Mesh, surface
from jaxface.render.barriers import stage
from jaxface.render.camera import frame, project
from jaxface.render.candidates import fits
from jaxface.render.deferred import LANES
from jaxface.render.frame_batch import map_in_lanes, prepare_frames, render_frames
from jaxface.render.light import irradiance
from jaxface.render.rasterizer import visible
from jaxface.render.scenes import Camera, Scene
from jaxface.render.shading import average, display, fetch, move_silhouettes, vertex_normals

T = TypeVar("T")
_AT_ONCE = 64  # on accelerators; a CPU draws faster image by image, out of its cache


@pytree
class Prepared:
    """All that the pictures of one person share: made once, used for every expression.

    Attributes:
        camera: framed by the neutral head, or the scene's own.
        texture: (H, W, 4) linear-light albedo and line pattern.
        neutral: (V, 3) shaped head, unposed.
        joints: (J, 3).
    """

    camera: Camera
    texture: Array
    neutral: Array
    joints: Array


@jax.jit
def prepare(head: FaceModel, params: FaceParams, scene: Scene) -> Prepared:
    """Camera, texture and neutral head of `params.identity` and `params.albedo`; the rest is not read.

    Raises:
        ShapeError: identity or albedo is not of this head, or is a batch.
        ConfigError: the scene has no camera and the head no eye joints to frame it by.
    """
    _check(head, "identity", params.identity, head.identity_basis.shape[-1:])
    _check(head, "albedo", params.albedo, (albedo_size(head.appearance),))
    neutral = geometry.shape(head, params.identity)
    camera = frame(head, params.identity, scene.framing) if scene.camera is None else scene.camera
    return Prepared(camera, texture(head.appearance, params.albedo), neutral, geometry.joints(head, neutral))


@functools.partial(jax.jit, static_argnames="side")
def draw(
    head: FaceModel,
    prepared: Prepared,
    expression: Array,
    pose: Array,
    scene: Scene,
    symmetry: Array | float = 1.0,
    time: Array | float = 1.0,
    side: Side = "left",
) -> Array:
    """One picture of a prepared person, (size, size, 3) display values in [0, 1].

    Args:
        expression: (E,); pose: (J, 3).
        symmetry, time, side: as in `face.vertices`.

    Raises:
        ShapeError: expression or pose is not of this head, or is a batch.
    """
    _check(head, "expression", expression, head.expression_basis.shape[-1:])
    _check(head, "pose", pose, (len(head.parents), 3))
    displacement = geometry.expression_displacement(head, expression, symmetry, time, side)
    lines = wrinkle_weights(head.appearance.lines, displacement)
    return draw_displaced(head, prepared, displacement, lines, pose, scene)


def draw_displaced(
    head: FaceModel, prepared: Prepared, displacement: Array, lines: Array, pose: Array, scene: Scene
) -> Array:
    """`draw`, given what the expression does to the vertices.

    Args:
        displacement: (V, 3) metres.
        lines: (V,) from `appearance.line_weights`.
        pose: (J, 3).
    """
    vertices = geometry.skin(head, prepared.neutral + displacement, prepared.joints, pose)
    linear = _linear(head, vertices, lines, prepared, scene)
    return stage(
        vertices[0, 0] < jnp.inf, functools.partial(_displayed, scene.supersample), linear, scene.gamma
    )


@functools.partial(jax.jit, static_argnames="side")
def draw_many(
    head: FaceModel,
    prepared: Prepared,
    expression: Array,
    pose: Array,
    scene: Scene,
    symmetry: Array,
    time: Array,
    side: Side = "left",
) -> Array:
    """Pictures of one prepared person, (B, size, size, 3); each is the same in any batch.

    Args:
        expression: (B, E); pose: (B, J, 3); symmetry, time: (B,).
    """

    def one(varying: tuple[Array, Array, Array, Array]) -> Array:
        return draw(head, prepared, varying[0], varying[1], scene, varying[2], varying[3], side)

    return _map(one, (expression, pose, symmetry, time))


def image(
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    symmetry: Array | float = 1.0,
    time: Array | float = 1.0,
    side: Side = "left",
) -> Array:
    """One picture, (size, size, 3) float32 display values in [0, 1].

    Reverse-mode differentiable in all of `params` and the light while every pixel keeps its triangle;
    `Scene.silhouette` adds what moving edges do.

    Raises:
        ShapeError: `params` is not of this head, or is a batch.
    """
    prepared = prepare(head, params, scene)
    return draw(head, prepared, params.expression, params.pose, scene, _steps(symmetry), _steps(time), side)


def images(
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    symmetry: Array | float = 1.0,
    time: Array | float = 1.0,
    side: Side = "left",
) -> Array:
    """Pictures of different people, (B, size, size, 3); each is the same in any batch.

    The texture is made for every picture; for many pictures of one person `prepare` once, then `draw_many`.

    Args:
        params: fields with a leading axis B.
        symmetry, time: (B,) or one number for all.
    """
    return _images(head, params, scene, _steps(symmetry), _steps(time), side)


@functools.partial(jax.jit, static_argnames="side")
def _images(
    head: FaceModel, params: FaceParams, scene: Scene, symmetry: Array, time: Array, side: Side
) -> Array:
    count = params.expression.shape[:1]

    def one(varying: tuple[FaceParams, Array, Array]) -> Array:
        return image(head, varying[0], scene, varying[1], varying[2], side)

    return _map(one, (params, jnp.broadcast_to(symmetry, count), jnp.broadcast_to(time, count)))


def grid(
    head: FaceModel,
    params: FaceParams,
    scene: Scene,
    symmetry: Array,
    time: Array,
    side: Side = "left",
) -> Array:
    """One person and expression at every symmetry and time step, (S, T, size, size, 3).

    From 32 pictures on by candidate lists (`render.frame_batch`), whose triangles are those of `image` and
    whose colours differ from it by quantisation, 0.1 / 255 in the mean; lists that do not fit are noticed,
    and `draw_many` draws instead. Reverse-mode differentiable as `image` is, at `image`'s cost.

    Args:
        symmetry: (S,); time: (T,).
    """
    prepared = prepare(head, params, scene)
    symmetry, time = _steps(symmetry), _steps(time)
    _check(head, "expression", params.expression, head.expression_basis.shape[-1:])
    _check(head, "pose", params.pose, (len(head.parents), 3))
    few = symmetry.shape[0] * time.shape[0] < 2 * LANES  # what lists save is not worth compiling them
    crowded = not fits(scene.size * scene.supersample, head.faces.shape[0])
    draw_all = _one_by_one if few or crowded else _by_lists
    return draw_all(side, head, prepared, params.expression, params.pose, scene, symmetry, time)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _by_lists(side: Side, *arguments: Any) -> Array:
    return _grid(side, *arguments)


def _by_lists_forward(side: Side, *arguments: Any) -> tuple[Array, tuple[Any, ...]]:
    return _grid(side, *arguments), arguments


def _by_lists_backward(side: Side, arguments: tuple[Any, ...], cotangent: Array) -> tuple[Any, ...]:
    """The gradient of the same pictures drawn one by one: words of packed bits have none."""
    return jax.vjp(functools.partial(_one_by_one, side), *arguments)[1](cotangent)


_by_lists.defvjp(_by_lists_forward, _by_lists_backward)


@functools.partial(jax.jit, static_argnums=0)
def _grid(
    side: Side,
    head: FaceModel,
    prepared: Prepared,
    expression: Array,
    pose: Array,
    scene: Scene,
    symmetry: Array,
    time: Array,
) -> Array:
    """(S, T, size, size, 3). Compiled apart from `_by_lists`, so that gradients compile it no second time."""
    shared = prepare_frames(head, prepared, expression, pose, scene, symmetry, time, side)

    def some(s: Array, t: Array) -> Array:
        def quick(s: Array, t: Array) -> Array:
            return render_frames(head, shared, prepared, scene, s, t)

        def safe(s: Array, t: Array) -> Array:
            return _each(side, head, prepared, expression, pose, scene, s, t)

        return jax.lax.cond(shared.lists.sound, quick, safe, s, t)

    drawn = map_in_lanes(some, symmetry, time)
    return drawn.reshape(symmetry.shape[0], time.shape[0], *drawn.shape[1:])


@functools.partial(jax.jit, static_argnums=0)
def _one_by_one(
    side: Side,
    head: FaceModel,
    prepared: Prepared,
    expression: Array,
    pose: Array,
    scene: Scene,
    symmetry: Array,
    time: Array,
) -> Array:
    s, t = (each.ravel() for each in jnp.meshgrid(symmetry, time, indexing="ij"))
    drawn = _each(side, head, prepared, expression, pose, scene, s, t)
    return drawn.reshape(symmetry.shape[0], time.shape[0], *drawn.shape[1:])


def _each(
    side: Side,
    head: FaceModel,
    prepared: Prepared,
    expression: Array,
    pose: Array,
    scene: Scene,
    s: Array,
    t: Array,
) -> Array:
    expressions = jnp.broadcast_to(expression, (s.shape[0], *expression.shape))
    poses = jnp.broadcast_to(pose, (s.shape[0], *pose.shape))
    return draw_many(head, prepared, expressions, poses, scene, s, t, side)


def _steps(values: Array | float) -> Array:
    """Numbers as an array of the default float type: a Python number would be compiled for once more."""
    return jnp.asarray(values, jnp.result_type(float))


def _check(head: FaceModel, name: str, given: Array, wanted: tuple[int, ...]) -> None:
    if jnp.shape(given) != wanted:
        raise ShapeError(
            f"{name} of {head.name} has shape {wanted} for one face, got {jnp.shape(given)}; "
            "for a batch take images or draw_many"
        )


def _map(one: Callable[[T], Array], varying: T) -> Array:
    return jax.lax.map(one, varying, batch_size=None if jax.default_backend() == "cpu" else _AT_ONCE)


def _linear(head: FaceModel, vertices: Array, lines: Array, prepared: Prepared, scene: Scene) -> Array:
    """Linear-light samples, (n size, n size, 3) with n = supersample."""
    size = scene.size * scene.supersample
    screen = project(prepared.camera, vertices, size)
    triangle = visible(screen, head.faces, size)
    covered = triangle >= 0
    anything = jnp.any(covered)

    def light(vertices: Array) -> tuple[Array, ...]:
        return tuple(irradiance(scene.light, vertex_normals(vertices, head.faces)).T)

    received = stage(anything, light, vertices)
    columns = (screen.xy[:, 0], screen.xy[:, 1], screen.inverse_w)
    shape = Mesh(tuple(head.faces.T), tuple(head.uv_faces.T), *head.uv.T)
    u, v, shade, x, y, depth = surface(columns, (*received, lines), shape, triangle)
    sample = stage(anything, fetch, prepared.texture, u, v)
    always = triangle[0, 0] > -2
    colour = stage(always, _colour, sample, shade, covered, scene.background**scene.gamma)
    if not scene.silhouette:
        return colour
    depth = jnp.where(covered, depth, jnp.inf)
    return stage(anything, move_silhouettes, colour, jnp.where(covered, u, -9.0), v, x, y, depth)


def _colour(sample: Array, shade: tuple[Array, ...], covered: Array, background: Array) -> Array:
    """Skin in linear light (H, W, 3), from texture (RGB, line pattern) and light (one or RGB, line weight)."""
    *light, lines = shade
    skin = 1.0 - sample[..., 3] * lines
    lit = sample[..., :3] * jnp.stack([one * skin for one in light], axis=-1)
    return jnp.where(covered[..., None], lit, background[None, None])


def _displayed(supersample: int, linear: Array, gamma: Array) -> Array:
    mean = average(linear, supersample)
    return display(mean.reshape(-1), gamma).reshape(mean.shape)  # flat: a loop over three is not vectorised
