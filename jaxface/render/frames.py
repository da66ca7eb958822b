"""Many frames of one person on an accelerator: vertex buffers of a group, then its pictures by tiles.

The frames are the last axis. A group of them shares its lists of triangles (`tiles`).
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face import geometry
from jaxface.face.appearance import wrinkle_weights
from jaxface.face.model import FaceModel
from jaxface.render.motion import AffineFrames
from jaxface.render.scenes import Prepared, Scene
from jaxface.render.tiled import render_group
from jaxface.render.tiles import at_corners
from jaxface.render.vertex import Planes, each_axis, triangle_normals, vertex_buffers

T = TypeVar("T")

FRAMES = 128
"""Frames of a group at most: a row of a TPU's vector register. More lengthen the lists of triangles."""


def render_posed(head: FaceModel, person: Prepared, vertices: Array, wrinkles: Array, scene: Scene) -> Array:
    """Return pictures of one person's N posed heads, (N, size, size, 3), as `render.render_vertices`.

    Args:
        vertices: (N, V, 3) metres.
        wrinkles: (N, V) as in `Deformation`.
    """
    return in_groups(lambda group: _pictures(head, person, *group, scene), (vertices, wrinkles))


def render_moving(head: FaceModel, person: Prepared, pose: Array, scene: Scene, frames: AffineFrames) -> Array:
    """Return pictures of one person at N frames of an affine motion, (N, size, size, 3).

    Args:
        pose: (J, 3) of all frames.
    """

    def pose_frame(weights: Array) -> tuple[Array, Array]:
        displacement = jnp.tensordot(weights, frames.fields, 1)
        vertices = geometry.skin_displaced(head, person.neutral, person.joints, displacement, pose)
        return vertices, wrinkle_weights(head.appearance.wrinkles, displacement)

    def pictures(weights: Array) -> Array:
        return _pictures(head, person, *jax.vmap(pose_frame)(weights), scene)

    return in_groups(pictures, jnp.stack(frames.coefficients, axis=-1))


def in_groups(pictures: Callable[[T], Array], frames: T) -> Array:
    """Return `pictures` of N frames, a pytree with leading axes N, at most FRAMES at a time.

    Groups are of one size; the last frame fills the last group.
    """
    leaves, structure = jax.tree.flatten(frames)
    count = len(leaves[0])
    groups = -(-count // FRAMES)
    size = count if groups == 1 else FRAMES

    def fold(leaf: Array) -> Array:
        filler = jnp.broadcast_to(leaf[-1:], (groups * size - count, *leaf.shape[1:]))
        return jnp.concatenate([leaf, filler]).reshape(groups, size, *leaf.shape[1:])

    if groups == 1:
        return pictures(frames)
    every = jax.lax.map(pictures, jax.tree.unflatten(structure, [fold(leaf) for leaf in leaves]))
    return every.reshape(groups * size, *every.shape[2:])[:count]


def _pictures(head: FaceModel, person: Prepared, vertices: Array, wrinkles: Array, scene: Scene) -> Array:
    """`render_posed` of one group."""
    position = each_axis(lambda axis: vertices[:, :, axis].T)
    normal = _normal_sums(position, head.faces)
    wrinkle = None if head.appearance.wrinkles is None else wrinkles.T
    samples, light = scene.size * scene.supersample, tuple(scene.light.T)
    buffers = vertex_buffers(person.camera, light, position, normal, wrinkle, samples)
    pictures = render_group(head, buffers, person.texture, scene)
    # A vertex that is not finite covers no pixel: the picture would be a finite background.
    finite = jnp.all(jnp.isfinite(vertices), axis=(1, 2))
    return jnp.where(finite[:, None, None, None], pictures, jnp.nan)


def _normal_sums(position: Planes, faces: Array) -> Planes:
    """Sums of the adjacent triangles' normals, (V, G) each: rows of all frames are added at once."""
    x, y, z = at_corners(faces, *position)
    a, b, c = ((x[i], y[i], z[i]) for i in range(3))
    rows = jnp.concatenate(triangle_normals(a, b, c), axis=1)
    total = jnp.zeros((len(position[0]), rows.shape[1]), rows.dtype)
    total = total.at[faces.T.reshape(-1)].add(jnp.tile(rows, (3, 1)), mode="promise_in_bounds")
    sums = jnp.split(total, 3, axis=1)
    return sums[0], sums[1], sums[2]
