"""DRML (Zhao, Chu & Zhang 2016, CVPR: deep region and multi-label learning)."""

import functools
import itertools
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Dropout
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array

_CHANNELS, _LATER = 32, 16
_LAYERS = ((8, 1), (8, 1), (6, 2), (5, 1))  # edge and stride of the convolutions behind the region layer
_MOMENTUM, _EPSILON = 0.1, 1e-5  # as `layers.BatchNorm`
_kernel = nnx.initializers.he_normal(in_axis=(-4, -3, -2), out_axis=-1, batch_axis=0)


class RegionConvolution(nnx.Module):
    """Batch normalization, ReLU and a 3 x 3 convolution, separately in each cell of a grid.

    Each cell is padded with zeros. `kernel` (cells, 3, 3, in, out), all others (cells, ...); cells
    are counted row by row, `grid` along an edge.
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
        out = functools.reduce(
            jnp.add,
            (
                jnp.einsum("rbhwi,rio->rbhwo", inputs[:, :, i : i + height, j : j + width], kernel[:, i, j])
                for i, j in itertools.product(range(3), range(3))
            ),
        )
        return join_cells(out + _expand(self.bias[...], out), self.grid)

    def _moments(self, cells: Array) -> tuple[Array, Array]:
        """Return the batch's mean and variance, (cells, in), and update the running ones."""
        exact = cells.astype(jnp.float32).reshape(cells.shape[0], -1, cells.shape[-1])
        mean = exact.mean(1)
        variance = ((exact - mean[:, None]) ** 2).mean(1)
        count = exact.shape[1]
        for running, batch in ((self.mean, mean), (self.variance, variance * (count / max(count - 1, 1)))):
            running[...] = running[...] + _MOMENTUM * (lax.stop_gradient(batch) - running[...])
        return mean, variance


class Drml(nnx.Module):
    """(B, size, size, 3) -> features (B, D): all of DRML but its last layer, which answers.

    11 x 11 convolution, the region layer on a shortcut, pooling, four more convolutions, two dense layers.

    The size less 10 is a multiple of `grid`, but for `first = "SAME"`, which keeps all of a small
    face. The last of `dense` is D.
    """

    def __init__(
        self,
        size: int = 170,
        first: Literal["VALID", "SAME"] = "VALID",
        grid: int = 8,
        dense: tuple[int, int] = (4096, 2048),
        dropout: float = 0.5,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.size, self.first, self.width = size, first, dense[-1]
        self.entry = Convolution(3, _CHANNELS, 11, rngs=rngs)
        self.regions = RegionConvolution(_CHANNELS, _CHANNELS, grid, rngs=rngs)
        self.norm = BatchNorm(_CHANNELS)
        inputs = (_CHANNELS, _LATER, _LATER, _LATER)
        layers = [Convolution(a, _LATER, b, rngs=rngs) for a, (b, _) in zip(inputs, _LAYERS, strict=True)]
        self.convolutions = nnx.List(layers)
        edge = (size if first == "SAME" else size - 10) // 2
        for length, stride in _LAYERS:
            edge = (edge - length) // stride + 1
        edges = (edge * edge * _LATER, *dense)
        self.dense = nnx.List([Dense(a, b, rngs=rngs) for a, b in zip(edges, dense, strict=False)])
        self.drop = nnx.List([Dropout(dropout) for _ in dense])

    def __call__(self, images: Array) -> Array:
        maps = self.entry(images, 1, self.first)
        maps = jax.nn.relu(maps + self.regions(maps))
        maps = self.norm(max_pool(maps, 2, 2, "VALID"))
        for convolution, (_, stride) in zip(self.convolutions, _LAYERS, strict=True):
            maps = jax.nn.relu(convolution(maps, stride, "VALID"))
        features = maps.reshape(maps.shape[0], -1)
        for dense, drop in zip(self.dense, self.drop, strict=True):
            features = drop(jax.nn.relu(dense(features)))
        return features


def split_cells(maps: Array, grid: int) -> Array:
    """Split maps (B, H, W, C) into the cells of a grid, row by row: (grid^2, B, H / grid, W / grid,
    C); raise ConfigError for a map that the grid does not divide."""
    batch, height, width, channels = maps.shape
    if height % grid or width % grid:
        raise ConfigError(f"maps of {height} x {width} pixels cannot be divided into {grid} x {grid} cells")
    cells = maps.reshape(batch, grid, height // grid, grid, width // grid, channels)
    cells = cells.transpose(1, 3, 0, 2, 4, 5)
    return cells.reshape(grid * grid, *cells.shape[2:])


def join_cells(cells: Array, grid: int) -> Array:
    """Join the cells of `split_cells` to maps."""
    _, batch, height, width, channels = cells.shape
    maps = cells.reshape(grid, grid, batch, height, width, channels).transpose(2, 0, 3, 1, 4, 5)
    return maps.reshape(batch, grid * height, grid * width, channels)


def _expand(values: Array, cells: Array) -> Array:
    """Reshape (cells, channels) for (cells, B, h, w, channels)."""
    return values.astype(cells.dtype)[:, None, None, None, :]
