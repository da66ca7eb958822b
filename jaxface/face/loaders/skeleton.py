"""Derive what a published head may lack: joints, skinning weights, the vertex on the other side."""

import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree


def sphere_centre(points: np.ndarray) -> np.ndarray:
    """Return the centre (3,) of the sphere that fits points (N, 3) best, in the algebraic sense.

    |p - c|^2 = r^2 is linear in c and r^2 - |c|^2.
    """
    system = np.concatenate([2.0 * points, np.ones((len(points), 1))], axis=1)
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]


def regressor_row(vertices: np.ndarray, members: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Return weights (V,) that sum to one, vanish outside `members` and give `joint` on the
    template exactly.

    They are the smallest change of equal weights with this property, so that on another identity
    the joint follows the mean displacement of its surroundings.

    Args:
        vertices: (V, 3) template.
        members: (N,) indices of the vertices around the joint.
        joint: (3,) position.
    """
    centre = vertices[members].mean(0)
    around = vertices[members] - centre
    system = np.concatenate([around.T, np.ones((1, len(members)))])
    change = np.linalg.pinv(system) @ np.concatenate([joint - centre, [0.0]])
    row = np.zeros(len(vertices))
    row[members] = 1.0 / len(members) + change
    return row


def jaw_weights(vertices: np.ndarray, opening: np.ndarray, hinge: np.ndarray, rigid: np.ndarray) -> np.ndarray:
    """Return how much each vertex follows the jaw, (V,) in [0, 1], from the shape that opens it.

    Opening rotates the parts of the jaw about the hinge's x axis. The weight is the angle of a
    vertex's displacement, divided by that of the lower teeth.

    Args:
        vertices: (V, 3) template.
        opening: (V, 3) displacement of the open mouth.
        hinge: (3,) the jaw's joint.
        rigid: (V,) bool, the teeth; those of the lower jaw move most.
    """
    arm = vertices - hinge
    direction = np.stack([np.zeros(len(arm)), -arm[:, 2], arm[:, 1]], axis=1)
    turn = (opening * direction).sum(1) / np.maximum((direction**2).sum(1), 1.0)
    return np.clip(turn / np.quantile(turn[rigid], 0.9), 0.0, 1.0)


def smoothstep(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, and a smooth step between."""
    position = np.clip((value - low) / (high - low), 0.0, 1.0)
    return position * position * (3.0 - 2.0 * position)


def mirror(vertices: np.ndarray, tolerance: float = 1e-5) -> jnp.ndarray | None:
    """Return the vertex on the other side of each, (V,), or None if the mesh is not symmetric to
    `tolerance`."""
    distance, other = cKDTree(vertices).query(vertices * [-1.0, 1.0, 1.0])
    is_involution = np.array_equal(other[other], np.arange(len(vertices)))
    return jnp.asarray(other, jnp.int32) if is_involution and distance.max() <= tolerance else None
