"""Cameras: from the head's frame to pixels, and where the camera stands by default."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face.geometry import joints, shape
from jaxface.face.model import FaceModel
from jaxface.face.requirements import require_eyes
from jaxface.render.scenes import Camera, Framing, Orthographic, Perspective

NEAR = 1e-3  # metres: a perspective camera sees nothing nearer


class Screen(NamedTuple):
    """Vertices on the screen of a camera of `size` x `size` pixels.

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
    """Return vertices (V, 3) in the head's frame on a screen of `size` pixels."""
    if isinstance(camera, Orthographic):
        plane = _orthographic(vertices[:, :2], camera.translation[None], camera.scale)
        depth, inverse_w = -vertices[:, 2], jnp.ones_like(vertices[:, 2])
    else:
        offset = vertices - camera.position[None]
        inverse_w = _inverse(-offset[:, 2])
        plane = _perspective(offset[:, :2], inverse_w[:, None], camera.focal, camera.shift[None])
        depth = -inverse_w
    return Screen(
        jnp.stack([_to_right(plane[:, 0], size), _down(plane[:, 1], size)], axis=-1), depth, inverse_w
    )


# The same before the cameras of faces side by side: coordinates (V, LANES), and one camera for all
# lanes, or one for each, whose fields have a leading axis LANES.


def inverse_distance(camera: Perspective, z: Array) -> Array:
    """Return `Screen.inverse_w` of faces side by side."""
    return _inverse(_lanes(camera.position[..., 2]) - z)


def pixel_x(camera: Camera, size: int, x: Array, inverse_w: Array | None) -> Array:
    """Return pixels to the right; `inverse_w` is None before an orthographic camera."""
    return _to_right(_plane(camera, 0, x, inverse_w), size)


def pixel_y(camera: Camera, size: int, y: Array, inverse_w: Array | None) -> Array:
    """Return pixels downwards; `inverse_w` is None before an orthographic camera."""
    return _down(_plane(camera, 1, y, inverse_w), size)


def _plane(camera: Camera, axis: int, value: Array, inverse_w: Array | None) -> Array:
    if isinstance(camera, Orthographic):
        return _orthographic(value, _lanes(camera.translation[..., axis]), _lanes(camera.scale))
    assert inverse_w is not None  # of every perspective camera
    offset = value - _lanes(camera.position[..., axis])
    return _perspective(offset, inverse_w, _lanes(camera.focal), _lanes(camera.shift[..., axis]))


def _lanes(value: Array) -> Array:
    """A number as it is, one number a lane as a row."""
    return value[None] if value.ndim else value


def _inverse(distance: Array) -> Array:
    ahead = distance > NEAR
    return jnp.where(ahead, 1.0 / jnp.where(ahead, distance, 1.0), 0.0)


def _orthographic(value: Array, translation: Array, scale: Array) -> Array:
    """Coordinates on the image plane, in half images from its centre."""
    return scale * (value + translation)


def _perspective(offset: Array, inverse_w: Array, focal: Array, shift: Array) -> Array:
    """Coordinates on the image plane, in half images from its centre; `offset` is that from the
    axis.
    """
    return focal * offset * inverse_w + shift


def _to_right(plane: Array, size: int) -> Array:
    return 0.5 * size * (1.0 + plane)


def _down(plane: Array, size: int) -> Array:
    return 0.5 * size * (1.0 - plane)


def frame(head: FaceModel, identity: Array, framing: Framing) -> Camera:
    """Return the camera of an identity, placed by the eyes of its neutral, unposed head.

    It looks straight ahead (-z) through the middle of the image, which lies so that the eyes'
    midpoint is centred in x and `eye_line` from the top; so it is the same for all expressions and
    poses.

    Args:
        identity: (I,).

    Raises:
        ConfigError: the model has no eye joints.
    """
    require_eyes(head, "give the scene a camera instead")
    positions = joints(head, shape(head, identity))
    left, right = (positions[head.joint_names.index(name)] for name in ("left_eye", "right_eye"))
    if framing.distance == 0.0:
        centre, height = _centre(left, right, framing.height, framing.eye_line)
        return Orthographic(scale=2.0 / height, translation=-centre[:2])
    return place_camera(left, right, framing.height, framing.eye_line, framing.distance)


def place_camera(
    left: Array,
    right: Array,
    height: Array,
    eye_line: Array,
    distance: Array | float,
    aside: Array | float = 0.0,
) -> Perspective:
    """Return the pinhole that frames a face by its eyes.

    Args:
        left, right: (3,) eyes of the unposed head.
        height, eye_line, distance: () as in `Framing`.
        aside: () how far the face lies to the right of the middle, in image widths.
    """
    centre, height = _centre(left, right, height, eye_line, aside)
    position = jnp.concatenate([centre[:2], centre[2:] + distance])
    return Perspective(position, focal=2.0 * distance / height, shift=jnp.zeros(2))


def _centre(
    left: Array, right: Array, height: Array, eye_line: Array, aside: Array | float = 0.0
) -> tuple[Array, Array]:
    """(3,) the point that shows in the middle of the image, at the eyes' depth, and the image's ()
    height.
    """
    middle = 0.5 * (left + right)
    height = height * jnp.linalg.norm(left - right)
    offset = jnp.stack([aside * height, (0.5 - eye_line) * height, jnp.zeros_like(height)])
    return middle - offset, height
