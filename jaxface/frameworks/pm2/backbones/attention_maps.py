"""JAA-Net's attention: maps around the places where action units show, and their learnt refinement."""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array

BORDER = 4
"""Pixels that refinement removes on each side of a map: four 3 x 3 convolutions without padding."""

POINTS = 49
_INNER_CORNERS = (22, 25)
_SIZE, _FALL = 0.14, 0.56  # of a region, in widths of the map; of the attention from its middle to its edge


def places(units: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the two points (U, 2) int of each unit, and how far below them it shows, (U,) float32;
    raise ConfigError for a unit that has no place."""
    text = (files("jaxface.frameworks.pm2.backbones") / "attention.toml").read_text("utf-8")
    table = tomllib.loads(text)["units"]
    for unit in units:
        if str(unit) not in table:
            raise ConfigError(f"JAA-Net has no place for action unit {unit}; it has {', '.join(table)}")
    points = np.array([table[str(unit)]["points"] for unit in units], int)
    return points, np.array([table[str(unit)]["below"] for unit in units], np.float32)


def attention(marks: Array, units: Sequence[int], edge: int) -> Array:
    """Return the initial maps (edge, edge, U) around landmarks (Shao et al. 2018, Eq. 2), without a gradient.

    Around each of two centres the attention falls from 1 with the distance in rows and columns
    together; beyond the region it is 0, and where regions overlap the stronger counts. `marks` (49,
    2) are in widths of the image, which the map shows whole, x right, y down.
    """
    points, below = places(units)
    marks = jax.lax.stop_gradient(marks)
    ruler = jnp.abs(marks[_INNER_CORNERS[0], 0] - marks[_INNER_CORNERS[1], 0])
    centres = marks[points]  # (U, 2, 2)
    down = jnp.stack([jnp.zeros_like(below), below], axis=-1)[:, None] * ruler
    centres = jnp.round((centres + down) * edge)
    pixels = jnp.arange(edge, dtype=jnp.float32)
    across = jnp.abs(pixels[None, :, None, None] - centres[None, None, :, :, 0])
    along = jnp.abs(pixels[:, None, None, None] - centres[None, None, :, :, 1])
    reach = round((edge - 1) / 2 * _SIZE)
    value = 1.0 - (across + along) * _FALL / (edge * _SIZE)
    inside = (across <= reach) & (along <= reach)
    return jnp.max(jnp.where(inside, jnp.maximum(value, 0.0), 0.0), axis=-1)


class Refinement(nnx.Module):
    """Refines one unit's initial attention: (B, n + 8, n + 8, 1) -> (B, n, n, 1) in (0, 1)."""

    def __init__(self, unit: int, *, rngs: nnx.Rngs) -> None:
        edges = (1, 8 * unit, 8 * unit, 8 * unit)
        self.convolutions = nnx.List([Convolution(a, b, rngs=rngs) for a, b in pairwise(edges)])
        self.norms = nnx.List([BatchNorm(width) for width in edges[1:]])
        self.last = Convolution(8 * unit, 1, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            maps = jax.nn.relu(norm(convolution(maps, 1, "VALID")))
        return jax.nn.sigmoid(self.last(maps, 1, "VALID"))


def scale_gradient(maps: Array, factor: float) -> Array:
    """Return the maps unchanged; multiply their gradient by `factor` (Shao et al. 2018, section 3.3)."""
    return factor * maps - jax.lax.stop_gradient((factor - 1.0) * maps)


def resize_nearest(maps: Array, edge: int) -> Array:
    """Resize maps (B, n, n, U) to `edge` pixels an edge, by nearest neighbour."""
    nearest = np.arange(edge) * maps.shape[1] // edge
    return maps[:, nearest][:, :, nearest]
