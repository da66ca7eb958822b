"""Cameras: from the head's frame to pixels, and where the camera stands by default."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face.geometry import joints, shape
from jaxface.face.model import FaceModel
from jaxface.face.requirements import require_eyes
from jaxface.render.scenes import Camera, Framing, Orthographic, Perspective

NEAR = 1e-3  # metres: a perspective camera sees nothing nearer


class Screen(NamedTuple):
    """Vertices as a camera of `size` x `size` pixels sees them.

    Attributes:
        xy: (V, 2) pixels, x right, y down; the centre of the first pixel is (0.5, 0.5).
        depth: (V,) larger = farther; linear across the screen, so that a plane's depth may be
            interpolated there: -z metres (orthographic) or -1 / distance (perspective).
        inverse_w: (V,) 1 (orthographic), 1 / distance in metres (perspective), or 0 for what lies
            behind the near plane and cannot be drawn.
    """

    xy: Array
    depth: Array
    inverse_w: Array


def project(camera: Camera, vertices: Array, size: int) -> Screen:
    """Vertices (V, 3) in the head's frame on a screen of `size` pixels."""
    if isinstance(camera, Orthographic):
        plane = camera.scale * (vertices[:, :2] + camera.translation[None])
        depth, inverse_w = -vertices[:, 2], jnp.ones_like(vertices[:, 2])
    else:
        seen = vertices - camera.position[None]
        ahead = -seen[:, 2] > NEAR
        inverse = 1.0 / jnp.where(ahead, -seen[:, 2], 1.0)
        plane = camera.focal * seen[:, :2] * inverse[:, None] + camera.shift[None]
        inverse_w = jnp.where(ahead, inverse, 0.0)
        depth = -inverse_w
    half = 0.5 * size
    xy = jnp.stack([half * (1.0 + plane[:, 0]), half * (1.0 - plane[:, 1])], axis=-1)
    return Screen(xy, depth, inverse_w)


def frame(head: FaceModel, identity: Array, framing: Framing) -> Camera:
    """The camera of an identity, placed by the eyes of its neutral, unposed head.

    It looks straight ahead (-z) through the middle of the image, which lies so that the eyes' midpoint
    is centred in x and `eye_line` from the top; so it is the same for all expressions and poses.

    Args:
        identity: (I,).

    Raises:
        ConfigError: the model has no eye joints.
    """
    require_eyes(head, "give the scene a camera instead")
    positions = joints(head, shape(head, identity))
    left, right = (positions[head.joint_names.index(name)] for name in ("left_eye", "right_eye"))
    middle = 0.5 * (left + right)
    height = framing.height * jnp.linalg.norm(left - right)
    centre = middle[:2] - jnp.stack([jnp.zeros_like(height), (0.5 - framing.eye_line) * height])
    if framing.distance == 0.0:
        return Orthographic(scale=2.0 / height, translation=-centre)
    return Perspective(
        position=jnp.concatenate([centre, middle[2:] + framing.distance]),
        focal=2.0 * framing.distance / height,
        shift=jnp.zeros(2),
    )
