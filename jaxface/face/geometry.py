"""Blend shapes and skinning: Eq. 1-3 of Facing Asymmetry, Eq. 1-5 of FLAME (Li et al. 2017).

Written from the papers' equations. Every function computes one head; `jax.vmap` computes many.
"""

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face.model import FaceModel, FaceParams
from jaxface.face.sides import Side, gains


def expression_displacement(
    model: FaceModel,
    expression: Array,
    symmetry: Array | float = 1.0,
    time: Array | float = 1.0,
    side: Side = "left",
) -> Array:
    """Return B_E(t phi, E^R) + B_E(t phi, s E^L), (V, 3) metres; s does not scale the jaw.

    Args:
        expression: (E,) coefficients phi.
        symmetry: s, from 0 (one side frozen) to 1 (the unmodified expression).
        time: t, from 0 (neutral) to 1 (the full expression).
        side: which side is frozen, from the subject's point of view.
    """
    coefficients = time * expression
    own = gains(model.left_weight, symmetry, side)[:, None] * (model.expression_basis @ coefficients)
    return own if model.shared_basis is None else own + model.shared_basis @ coefficients


def vertices(
    model: FaceModel,
    params: FaceParams,
    symmetry: Array | float = 1.0,
    time: Array | float = 1.0,
    side: Side = "left",
) -> Array:
    """Return the head of one face, (V, 3) metres: Eq. 3 of Facing Asymmetry; differentiable."""
    return pose_head(model, params, expression_displacement(model, params.expression, symmetry, time, side))


def pose_head(model: FaceModel, params: FaceParams, displacement: Array) -> Array:
    """Return W(T + B_I + B_P + displacement, J, theta, W): Eq. 1 for any displacement (V, 3)."""
    neutral = shape(model, params.identity)
    return skin_displaced(model, neutral, joints(model, neutral), displacement, params.pose)


def shape(model: FaceModel, identity: Array) -> Array:
    """Return T + B_I(beta), (V, 3) metres: the neutral head of an identity, unposed."""
    return model.template + model.identity_basis @ identity


def joints(model: FaceModel, neutral: Array) -> Array:
    """Return (J, 3) joints, regressed from the shaped template."""
    return model.joint_regressor @ neutral


def skin_displaced(
    model: FaceModel, neutral: Array, joint_positions: Array, displacement: Array, pose: Array
) -> Array:
    """Return the posed head of a person whose neutral head (V, 3) is displaced, (V, 3) metres.

    FLAME's published implementations regress the joints from the head with its expression, where its paper
    (Eq. 2) has the identity alone. Where `FaceModel.expression_moves_joints`, joints follow the displacement,
    also that of a half frozen expression: a joint is where the picture's own head has it.

    Args:
        joint_positions: (J, 3) of the neutral head.
    """
    if model.expression_moves_joints:
        joint_positions = joint_positions + model.joint_regressor @ displacement
    return skin(model, neutral + displacement, joint_positions, pose)


def skin(model: FaceModel, rest_vertices: Array, joint_positions: Array, pose: Array) -> Array:
    """Apply pose correctives and linear blend skinning; return (V, 3) metres.

    A vertex follows the weighted mean of its joints' rigid motions.

    Args:
        rest_vertices: (V, 3) head with identity and expression.
        joint_positions: (J, 3).
        pose: (J, 3) axis-angle, radians: each joint turns its children about its own position.
    """
    rotations = rotation_matrices(pose)  # each relative to its parent
    if model.pose_basis.shape[-1]:
        rest_vertices = rest_vertices + model.pose_basis @ (rotations[1:] - jnp.eye(3)[None]).reshape(-1)
    # A joint's rigid motion, x -> world[j] x + offsets[j], carries the motions of all its parents.
    world: list[Array] = []
    offsets: list[Array] = []
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            rotation, origin = rotations[joint], joint_positions[joint]
        else:
            rotation = world[parent] @ rotations[joint]
            origin = world[parent] @ joint_positions[joint] + offsets[parent]
        world.append(rotation)
        offsets.append(origin - rotation @ joint_positions[joint])
    transforms = jnp.einsum("vj,jab->vab", model.skinning_weights, jnp.stack(world))
    return jnp.einsum("vab,vb->va", transforms, rest_vertices) + model.skinning_weights @ jnp.stack(offsets)


def rotation_matrices(axis_angle: Array) -> Array:
    """Return Rodrigues' matrices, (..., 3) radians to (..., 3, 3); gradients exact at zero.

    R = I + a K + b K K with a = sin(x)/x and b = (1 - cos x)/x^2, both smooth functions of x^2,
    by their series where x is small.
    """
    angle_squared = jnp.sum(axis_angle * axis_angle, axis=-1)[..., None, None]
    small = angle_squared < 1e-4
    angle = jnp.sqrt(jnp.where(small, 1.0, angle_squared))
    first = jnp.where(small, 1.0 - angle_squared / 6.0 + angle_squared**2 / 120.0, jnp.sin(angle) / angle)
    second = jnp.where(
        small, 0.5 - angle_squared / 24.0 + angle_squared**2 / 720.0, (1.0 - jnp.cos(angle)) / angle**2
    )
    x, y, z = axis_angle[..., 0], axis_angle[..., 1], axis_angle[..., 2]
    zero = jnp.zeros_like(x)
    cross = jnp.stack(
        [jnp.stack([zero, -z, y], -1), jnp.stack([z, zero, -x], -1), jnp.stack([-y, x, zero], -1)], -2
    )
    identity = jnp.broadcast_to(jnp.eye(3), cross.shape)
    return identity + first * cross + second * (cross @ cross)
