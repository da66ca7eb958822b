"""Left and right: the share of a vertex on the frozen side (Facing Asymmetry, Eq. 2)."""

import dataclasses

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face.config import Side
from jaxface.face.model import FaceModel


def left_weights(x: Array, width: Array | float) -> Array:
    """Return the share of each vertex that belongs to the subject's left, (V,) in [0, 1].

    Eq. 2 splits the face at the midline by a step, which tears an asymmetric mouth. This is a
    smoothstep from -width to +width instead; width 0 is the paper's step, with the midline itself
    at one half.

    Args:
        x: (V,) coordinate towards the subject's left, metres.
        width: half the width of the blend, metres; (V,) or one number.
    """
    step = jnp.where(x > 0, 1.0, jnp.where(x < 0, 0.0, 0.5))
    position = jnp.clip(0.5 + 0.5 * x / jnp.where(jnp.asarray(width) > 0, width, 1.0), 0.0, 1.0)
    smooth = position * position * (3.0 - 2.0 * position)
    return jnp.where(jnp.asarray(width) > 0, smooth, step)


def gains(left_weight: Array, symmetry: Array | float, side: Side = "left") -> Array:
    """Return (V,) factors on the displacement: `symmetry` on the frozen side, else 1."""
    return gains_of(left_weight if side == "left" else 1.0 - left_weight, symmetry)


def gains_of(frozen_share: Array, symmetry: Array | float) -> Array:
    """Return `gains`, from the share of each vertex on the frozen side; any shapes that broadcast.

    Exactly 1 everywhere at symmetry 1, so that the unmodified head comes back bit for bit.
    """
    return 1.0 + (symmetry - 1.0) * frozen_share


def split_jaw(model: FaceModel) -> FaceModel:
    """Return the head whose jaw belongs to the sides, as Eq. 3 has it: symmetry scales all of an
    expression.

    The expression at symmetry 1 stays the same. A head that does not tell the jaw apart (FLAME) is
    returned as it is.
    """
    if model.shared_basis is None:
        return model
    basis = model.expression_basis + model.shared_basis
    return dataclasses.replace(model, expression_basis=basis, shared_basis=None)
