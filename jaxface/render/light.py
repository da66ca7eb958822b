"""Light: nine spherical-harmonics coefficients a colour channel (Ramamoorthi & Hanrahan 2001)."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxface.core.arrays import on_device
from jaxface.core.types import Array

_LOBE = np.pi * np.array([1.0, *[2 / 3] * 3, *[1 / 4] * 5])  # the cosine lobe's factor of each band


def harmonics(directions: Array) -> Array:
    """Return real spherical harmonics of unit vectors, (..., 3) -> (..., 9).

    Order [1, y, z, x, xy, yz, 3z^2 - 1, xz, x^2 - y^2] with the usual orthonormal constants.
    """
    return jnp.stack(_harmonics(directions[..., 0], directions[..., 1], directions[..., 2]), axis=-1)


def _harmonics(x: Array, y: Array, z: Array) -> list[Array]:
    return [
        np.float32(0.28209479) if isinstance(x, np.floating) else jnp.full_like(x, 0.28209479),
        0.48860251 * y,
        0.48860251 * z,
        0.48860251 * x,
        1.09254843 * x * y,
        1.09254843 * y * z,
        0.31539157 * (3.0 * z * z - 1.0),
        1.09254843 * x * z,
        0.54627422 * (x * x - y * y),
    ]


def environment(ambient: float, lights: Sequence[Sequence[float]]) -> Array:
    """Return white light from everywhere and from directional lights, (9, 1).

    Each light's clamped cosine is expanded to the second order, scaled so that a surface that faces
    a light of strength k alone gets about k (1.06 k: the expansion overshoots there).

    Args:
        ambient: what every surface gets.
        lights: each (strength, x, y, z), the direction towards the light, of any length but zero.
    """
    coefficients = np.zeros(9)
    coefficients[0] = ambient / 0.28209479
    for strength, *direction in lights:
        towards = np.asarray(direction, np.float64) / np.linalg.norm(direction)
        coefficients += strength * _LOBE * np.array(_harmonics(*towards.astype(np.float32)))
    return on_device(coefficients[:, None], np.float32)


def lamps(ambient: Array, colour: Array, direction: Array) -> Array:
    """`environment` as a function of arrays: coloured light, (9, 3), under `jit` and `vmap`.

    Args:
        ambient: (3,) what every surface gets.
        colour: (n, 3) strength of each light in each channel.
        direction: (n, 3) unit vectors towards the lights.
    """
    coefficients = jnp.asarray(_LOBE, colour.dtype)[:, None] * (harmonics(direction).T @ colour)
    return coefficients.at[0].add(ambient / 0.28209479)


def irradiance(light: Array, normals: Array) -> Array:
    """Return what surfaces with these unit normals receive, (V, 3) -> (V, C), never below zero.

    Args:
        light: (9, C), one channel or three.
        normals: (V, 3).
    """
    return jnp.maximum(harmonics(normals) @ light, 0.0)


def irradiance_lanes(light: Array, normals: tuple[Array, Array, Array]) -> Array:
    """Return `irradiance` of one channel for faces side by side, (V, LANES).

    Term by term: a product of matrices would write nine harmonics of all vertices to memory.

    Args:
        light: (9,), or (9, LANES) for a light of each lane.
        normals: x, y and z of unit normals, (V, LANES) each.
    """
    terms = [
        (factor[None] if factor.ndim else factor) * basis
        for factor, basis in zip(light, _harmonics(*normals), strict=True)
    ]
    return jnp.maximum(sum(terms[1:], start=terms[0]), 0.0)
