"""CIELAB (CIE 1976, D65) of sRGB display values (IEC 61966-2-1), and back."""

import jax.numpy as jnp
import numpy as np

from jaxface.core.types import Array

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(axis=1)
_EDGE = 6 / 29


def lab(rgb: Array) -> Array:
    """Return L*, a* and b* of display values in [0, 1], (..., 3) -> (..., 3)."""
    linear = jnp.where(rgb <= 0.04045, rgb / 12.92, ((jnp.maximum(rgb, 0.0) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ jnp.asarray((_TO_XYZ / _WHITE[:, None]).T, jnp.float32)
    f = jnp.where(xyz > _EDGE**3, jnp.cbrt(xyz), xyz / (3 * _EDGE**2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return jnp.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def rgb(lab: Array) -> Array:
    """Return display values of L*, a* and b*, (..., 3) -> (..., 3), clipped to [0, 1]."""
    y = (lab[..., 0] + 16) / 116
    f = jnp.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = jnp.where(f > _EDGE, f**3, 3 * _EDGE**2 * (f - 4 / 29))
    to_rgb = np.linalg.inv(_TO_XYZ / _WHITE[:, None])
    linear = jnp.clip(xyz @ jnp.asarray(to_rgb.T, jnp.float32), 0.0, 1.0)
    return jnp.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def typology_angle(rgb: Array) -> Array:
    """Return the individual typology angle, degrees: arctan((L* - 50) / b*) (Chardon et al. 1991).

    Above 55 very light, to 41 light, to 28 intermediate, to 10 tan, to -30 brown, below dark.
    """
    values = lab(rgb)
    # b* of skin is positive; the floor keeps the angle within (-90, 90) for greys.
    return jnp.rad2deg(jnp.arctan2(values[..., 0] - 50.0, jnp.maximum(values[..., 2], 1e-3)))
