"""Pictures of faces: render = pose, project, find the visible triangle, shade."""

import functools
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaxface.core.target import for_accelerators
from jaxface.core.types import Array
from jaxface.face import geometry
from jaxface.face.appearance import texture, wrinkle_weights
from jaxface.face.model import FaceModel, FaceParams, check_params, check_shape
from jaxface.render import rasterizer, tiled
from jaxface.render.attributes import Mesh, surface
from jaxface.render.barriers import materialize, skip_unless
from jaxface.render.camera import Screen, frame, project
from jaxface.render.frames import render_posed
from jaxface.render.light import irradiance
from jaxface.render.scenes import Deformation, Look, Prepared, Scene
from jaxface.render.shading import average, display, fetch, move_silhouettes
from jaxface.render.vertex import vertex_normals

T = TypeVar("T")
_AT_ONCE = 16  # on accelerators; a CPU draws faster image by image, out of its cache


@jax.jit
def prepare(head: FaceModel, params: FaceParams, scene: Scene) -> Prepared:
    """Return camera, texture and neutral head of `params.identity` and `params.albedo` alone.

    Raises:
        ShapeError: identity or albedo is not of this head, or is a batch.
        ConfigError: the scene has no camera and the head no eye joints to frame it by.
    """
    check_params(head, identity=params.identity, albedo=params.albedo)
    neutral = geometry.shape(head, params.identity)
    camera = frame(head, params.identity, scene.framing) if scene.camera is None else scene.camera
    return Prepared(camera, texture(head.appearance, params.albedo), neutral, geometry.joints(head, neutral))


@jax.jit
def render(head: FaceModel, person: Prepared, deformation: Deformation, pose: Array, scene: Scene) -> Array:
    """Return one picture of a prepared person, (size, size, 3) float32 display values in [0, 1].

    Reverse-mode differentiable in deformation, pose, light and all of `person` while every pixel
    keeps its triangle; `Scene.silhouette` adds what moving edges do.

    Args:
        deformation: of the person's neutral, unposed head.
        pose: (J, 3) axis-angle, radians.

    Raises:
        ShapeError: deformation or pose is not of this head, or is a batch.
    """
    count = head.template.shape[0]
    check_shape(head, "displacement", deformation.displacement, (count, 3))
    check_shape(head, "wrinkles", deformation.wrinkles, (count,))
    check_params(head, pose=pose)
    vertices = geometry.skin_displaced(head, person.neutral, person.joints, deformation.displacement, pose)
    return render_vertices(head, person, vertices, deformation.wrinkles, scene)


def render_vertices(head: FaceModel, person: Prepared, vertices: Array, wrinkles: Array, scene: Scene) -> Array:
    """Return `render` of a head that is posed already.

    Args:
        vertices: (V, 3) metres, as from `geometry.skin`.
        wrinkles: (V,) as in `Deformation`.
    """
    picture = _tiled if for_accelerators() else _exact
    return picture(head, person, vertices, wrinkles, scene)


def _exact(head: FaceModel, person: Prepared, vertices: Array, wrinkles: Array, scene: Scene) -> Array:
    screen, triangle = _visible(head, vertices, person, scene)
    look = Look(person.texture, scene.light, scene.background)
    return _picture(head, vertices, wrinkles, screen, triangle, look, scene)


@jax.custom_vjp
def _tiled(head: FaceModel, person: Prepared, vertices: Array, wrinkles: Array, scene: Scene) -> Array:
    return render_posed(head, person, vertices[None], wrinkles[None], scene)[0]


# Whoever wants a gradient gets the exact picture, too.
_tiled.defvjp(lambda *arguments: jax.vjp(_exact, *arguments), lambda back, cotangent: back(cotangent))


@jax.jit
def render_looks(
    head: FaceModel, person: Prepared, deformation: Deformation, pose: Array, scene: Scene, looks: Look
) -> Array:
    """Return pictures of one shape under N looks, (N, size, size, 3); triangles are searched once.

    Args:
        looks: fields with a leading axis N, in place of the person's texture and the scene's light.
    """
    vertices = geometry.skin_displaced(head, person.neutral, person.joints, deformation.displacement, pose)
    screen, triangle = _visible(head, vertices, person, scene)

    def one(look: Look) -> Array:
        return _picture(head, vertices, deformation.wrinkles, screen, triangle, look, scene)

    return map_pictures(one, looks)


@jax.jit
def render_expression(head: FaceModel, person: Prepared, expression: Array, pose: Array, scene: Scene) -> Array:
    """Return `render` of a full expression (E,)."""
    check_params(head, expression=expression)
    displacement = geometry.expression_displacement(head, expression)
    wrinkles = wrinkle_weights(head.appearance.wrinkles, displacement)
    return render(head, person, Deformation(displacement, wrinkles), pose, scene)


@jax.jit
def render_many(head: FaceModel, person: Prepared, expression: Array, pose: Array, scene: Scene) -> Array:
    """Return pictures of one prepared person, (B, size, size, 3); each is the same in any batch.

    Args:
        expression: (B, E); pose: (B, J, 3).
    """
    return map_pictures(lambda case: render_expression(head, person, *case, scene), (expression, pose))


def image(head: FaceModel, params: FaceParams, scene: Scene) -> Array:
    """Return one picture of a face, (size, size, 3) float32 display values in [0, 1].

    Reverse-mode differentiable in all of `params` and the light, as `render` is.

    Raises:
        ShapeError: `params` is not of this head, or is a batch.
    """
    return render_expression(head, prepare(head, params, scene), params.expression, params.pose, scene)


@jax.jit
def images(head: FaceModel, params: FaceParams, scene: Scene) -> Array:
    """Return pictures of different people, (B, size, size, 3); each is the same in any batch.

    The texture is made for every picture; of one person, `prepare` once, then `render_many`.

    Args:
        params: fields with a leading axis B.
    """
    return map_pictures(lambda face: image(head, face, scene), params)


def map_pictures(picture: Callable[[T], Array], cases: T) -> Array:
    """Return `picture` of every case, a pytree with a leading axis B; one after another on a CPU."""
    return jax.lax.map(picture, cases, batch_size=_AT_ONCE if for_accelerators() else None)


def _visible(head: FaceModel, vertices: Array, person: Prepared, scene: Scene) -> tuple[Screen, Array]:
    """The vertices on the screen, and the triangle of each sample, (n size, n size)."""
    size = scene.size * scene.supersample
    screen = project(person.camera, vertices, size)
    search: Callable[[Screen, Array, int], Array]
    search = tiled.visible if for_accelerators() else rasterizer.visible
    return screen, search(screen, head.faces, size)


def _picture(
    head: FaceModel, vertices: Array, wrinkles: Array, screen: Screen, triangle: Array, look: Look, scene: Scene
) -> Array:
    linear = _linear(head, vertices, wrinkles, screen, triangle, look, scene)
    # A vertex that is not finite covers no pixel: the picture would be a finite background.
    finite = jnp.all(jnp.isfinite(vertices))
    return materialize(functools.partial(_displayed, scene.supersample), linear, scene.gamma, finite)


def _linear(
    head: FaceModel, vertices: Array, wrinkles: Array, screen: Screen, triangle: Array, look: Look, scene: Scene
) -> Array:
    """Linear-light samples, (n size, n size, 3) with n = supersample."""
    hit = triangle >= 0
    active = jnp.any(hit)

    def light_vertices(vertices: Array) -> tuple[Array, ...]:
        return tuple(irradiance(look.light, vertex_normals(vertices, head.faces)).T)

    light = skip_unless(active, light_vertices, vertices)
    columns = (screen.xy[:, 0], screen.xy[:, 1], screen.inverse_w)
    mesh = Mesh(tuple(head.faces.T), tuple(head.uv_faces.T), *head.uv.T)
    u, v, values, x, y, depth = surface(columns, (*light, wrinkles), mesh, triangle)
    sample = skip_unless(active, fetch, look.texture, u, v)
    colour = materialize(_colour, sample, values, hit, look.background**scene.gamma)
    if not scene.silhouette:
        return colour
    depth = jnp.where(hit, depth, jnp.inf)
    return materialize(move_silhouettes, colour, jnp.where(hit, u, -9.0), v, x, y, depth)


def _colour(sample: Array, values: tuple[Array, ...], hit: Array, background: Array) -> Array:
    """Skin in linear light (H, W, 3), from texture samples and values (*light, wrinkle)."""
    *light, wrinkle = values
    skin = 1.0 - sample[..., 3] * wrinkle
    lit = sample[..., :3] * jnp.stack([channel * skin for channel in light], axis=-1)
    return jnp.where(hit[..., None], lit, background[None, None])


def _displayed(supersample: int, linear: Array, gamma: Array, finite: Array) -> Array:
    mean = average(linear, supersample)
    values = display(mean.reshape(-1), gamma)  # flat: a loop over three channels is not vectorised
    return jnp.where(finite, values, jnp.nan).reshape(mean.shape)
