"""Where things are on any head: from its eyes, its two sides, and what its expressions move.

Heights and widths are shares of the distance between the eyes (IOD). On the marked heads they agree
within a twentieth: brows at +.3, mouth corners at (+-.40, -1.17), chin at -1.8.
"""

from typing import NamedTuple

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face import FaceModel, geometry
from jaxface.face.sides import Side

BROW = (0.55, 0.32)
CORNER = (0.38, -1.12)
"""Middle of a brow, and corner of the mouth: out of the midline, and up from the eyes, IOD."""
_MOBILE = 0.02
"""Vertices that expressions move less than this share of the most are bone, teeth, hair or eyeballs."""


class Eyes(NamedTuple):
    """The eye joints of a head.

    Attributes:
        left, right: (3,) metres.
        middle: (3,) between them.
        distance: () IOD, metres.
    """

    left: Array
    right: Array
    middle: Array
    distance: Array


def eyes(head: FaceModel, joints: Array | None = None) -> Eyes:
    """Return the eyes of the mean head, or of joints (J, 3)."""
    joints = geometry.joints(head, head.template) if joints is None else joints
    left, right = (joints[head.joint_names.index(name)] for name in ("left_eye", "right_eye"))
    return Eyes(left, right, 0.5 * (left + right), jnp.linalg.norm(left - right))


def face_coordinates(head: FaceModel) -> tuple[Array, Array, Array]:
    """Return vertices in IOD from the middle of the eyes, (V,) each: outwards, up, to the front."""
    frame = eyes(head)
    x, y, z = ((head.template - frame.middle[None]) / frame.distance).T
    return jnp.abs(x), y, z


def side_share(head: FaceModel, side: Side) -> Array:
    """Return (V,) the share of a vertex on one side."""
    return head.left_weight if side == "left" else 1.0 - head.left_weight


def mobile(head: FaceModel) -> Array:
    """Return (V,) 1 where expressions move a vertex by a side's own muscles, 0 on teeth and eyeballs."""
    reach = jnp.sqrt(jnp.sum(head.expression_basis**2, axis=(1, 2)))
    return jnp.clip(reach / (_MOBILE * jnp.maximum(reach.max(), 1e-12)), 0.0, 1.0)


def bump(head: FaceModel, centre: tuple[Array | float, float], width: float, height: float) -> Array:
    """Return (V,) a Gaussian around a point of the front of the face, the same on both sides.

    Args:
        centre: IOD out of the midline, and up from the eyes.
        width, height: standard deviations, IOD.
    """
    outwards, up, front = face_coordinates(head)
    squared = ((outwards - centre[0]) / width) ** 2 + ((up - centre[1]) / height) ** 2
    return jnp.where(front > -0.3, jnp.exp(-0.5 * squared), 0.0)


def ramp(value: Array, low: float, high: float) -> Array:
    """Return a smoothstep from 0 at `low` to 1 at `high`."""
    position = jnp.clip((value - low) / (high - low), 0.0, 1.0)
    return position * position * (3.0 - 2.0 * position)
