"""Convolutions that do not share their kernels over the image: every cell of a grid has its own (Zhao et al.
2016)."""

import functools
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from jaxface.classify.nets.layers import BatchNorm, Convolution
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array

_MOMENTUM, _EPSILON = 0.1, 1e-5  # as `layers.BatchNorm`
_kernel = nnx.initializers.he_normal(in_axis=(-4, -3, -2), out_axis=-1, batch_axis=0)


class RegionConvolution(nnx.Module):
    """Batch normalization, ReLU and a 3 x 3 convolution, separately in each cell of a grid.

    Each cell is padded with zeros. `kernel` (cells, 3, 3, in, out), all others (cells, ...);
    cells are counted row by row.

    Args:
        grid: cells along an edge.
    """

    def __init__(self, inputs: int, outputs: int, grid: int, *, rngs: nnx.Rngs) -> None:
        cells = grid * grid
        self.kernel = nnx.Param(_kernel(rngs.params(), (cells, 3, 3, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros((cells, outputs)))
        self.scale = nnx.Param(jnp.ones((cells, inputs)))
        self.shift = nnx.Param(jnp.zeros((cells, inputs)))
        self.mean = nnx.BatchStat(jnp.zeros((cells, inputs)))
        self.variance = nnx.BatchStat(jnp.ones((cells, inputs)))
        self.grid = grid
        self.training = False

    def __call__(self, maps: Array) -> Array:
        """(B, H, W, in) -> (B, H, W, out); H and W are multiples of the grid."""
        cells = split_cells(maps, self.grid)
        mean, variance = self._moments(cells) if self.training else (self.mean[...], self.variance[...])
        scale = self.scale[...] * lax.rsqrt(variance + _EPSILON)
        shift = self.shift[...] - mean * scale
        active = jax.nn.relu(cells * _expand(scale, cells) + _expand(shift, cells))
        height, width = cells.shape[2:4]
        inputs = jnp.pad(active, ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)))
        # One matrix product a cell and tap: XLA's grouped convolution is many times slower on the CPU.
        kernel = self.kernel[...]
        taps = [
            jnp.einsum("rbhwi,rio->rbhwo", inputs[:, :, i : i + height, j : j + width], kernel[:, i, j])
            for i in range(3)
            for j in range(3)
        ]
        out = functools.reduce(jnp.add, taps)
        return join_cells(out + _expand(self.bias[...], out), self.grid)

    def _moments(self, cells: Array) -> tuple[Array, Array]:
        """Return mean and variance of the batch, (cells, in) each, and update the running ones
        (unbiased variance)."""
        exact = cells.astype(jnp.float32).reshape(cells.shape[0], -1, cells.shape[-1])
        mean = exact.mean(1)
        variance = ((exact - mean[:, None]) ** 2).mean(1)
        count = exact.shape[1]
        for running, batch in ((self.mean, mean), (self.variance, variance * (count / max(count - 1, 1)))):
            running[...] = running[...] + _MOMENTUM * (lax.stop_gradient(batch) - running[...])
        return mean, variance


class MultiScaleRegions(nnx.Module):
    """JAA-Net's hierarchical region layer: a convolution, and on its way grids of 8, 4 and 2 cells an edge,
    whose concatenated maps are added to it; then batch normalization and ReLU (Shao et al. 2018, section
    3.1)."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        half, quarter = outputs // 2, outputs // 4
        self.convolution = Convolution(inputs, outputs, rngs=rngs)
        self.fine = RegionConvolution(outputs, half, 8, rngs=rngs)
        self.middle = RegionConvolution(half, quarter, 4, rngs=rngs)
        self.coarse = RegionConvolution(quarter, quarter, 2, rngs=rngs)
        self.norm = BatchNorm(outputs)

    def __call__(self, maps: Array) -> Array:
        maps = self.convolution(maps)
        fine = self.fine(maps)
        middle = self.middle(fine)
        branches = jnp.concatenate([fine, middle, self.coarse(middle)], axis=-1)
        return jax.nn.relu(self.norm(maps + branches))


class Pyramid(nnx.Module):
    """Three times two 3 x 3 convolutions with batch normalization and ReLU, each pair followed by pooling:
    (B, H, W, in) -> (B, H // 8, W // 8, 20 unit), in JAA-Net for landmarks, the whole face and each unit."""

    def __init__(self, inputs: int, unit: int, *, rngs: nnx.Rngs) -> None:
        edges = (inputs, 12 * unit, 12 * unit, 16 * unit, 16 * unit, 20 * unit, 20 * unit)
        self.convolutions = nnx.List([Convolution(a, b, rngs=rngs) for a, b in pairwise(edges)])
        self.norms = nnx.List([BatchNorm(width) for width in edges[1:]])

    def __call__(self, maps: Array) -> Array:
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            maps = jax.nn.relu(norm(convolution(maps)))
            maps = max_pool(maps, 2, 2, "VALID") if index % 2 else maps
        return maps


def split_cells(maps: Array, grid: int) -> Array:
    """Split maps (B, H, W, C) into the cells of a grid, row by row: (grid^2, B, H / grid, W / grid, C).

    Raises:
        ConfigError: the map is not divisible by the grid.
    """
    batch, height, width, channels = maps.shape
    if height % grid or width % grid:
        raise ConfigError(f"maps of {height} x {width} pixels cannot be divided into {grid} x {grid} cells")
    cells = maps.reshape(batch, grid, height // grid, grid, width // grid, channels)
    return cells.transpose(1, 3, 0, 2, 4, 5).reshape(
        grid * grid, batch, height // grid, width // grid, channels
    )


def join_cells(cells: Array, grid: int) -> Array:
    """Join the cells of `split_cells` to maps."""
    _, batch, height, width, channels = cells.shape
    maps = cells.reshape(grid, grid, batch, height, width, channels).transpose(2, 0, 3, 1, 4, 5)
    return maps.reshape(batch, grid * height, grid * width, channels)


def _expand(values: Array, cells: Array) -> Array:
    """Reshape (cells, channels) for (cells, B, h, w, channels)."""
    return values.astype(cells.dtype)[:, None, None, None, :]
