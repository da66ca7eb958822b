"""Layers that several nets share, in Flax NNX; for inference unless their `training` is switched on.

`checkpoints/state_dict.py` lists every class with what PyTorch calls its arrays and how it lays them out.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from jaxface.classify.nets.convolutions import Padding, convolution, depthwise, pointwise
from jaxface.core.types import Array

_kernel = nnx.initializers.he_normal()
_MOMENTUM = 0.1  # of running statistics, as PyTorch counts it

Size = int | tuple[int, int]
"""Of a kernel: both edges, or (height, width)."""


class Convolution(nnx.Module):
    """A full convolution; `kernel` (height, width, in, out), `bias` (out,) or none."""

    def __init__(self, inputs: int, outputs: int, size: Size = 3, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(_kernel(rngs.params(), (*_edges(size), inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, maps: Array, stride: int = 1, padding: Padding = "SAME") -> Array:
        out = convolution(maps, self.kernel[...], stride, padding)
        return out if self.bias is None else _add_bias(out, self.bias[...])


class Depthwise(nnx.Module):
    """Each channel convolved by itself; `kernel` (height, width, channels), `bias` (channels,) or none."""

    def __init__(self, channels: int, size: Size = 3, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(_kernel(rngs.params(), (*_edges(size), channels)))
        self.bias = nnx.Param(jnp.zeros(channels)) if bias else None

    def __call__(self, maps: Array, stride: int = 1, padding: Padding = "SAME") -> Array:
        bias = None if self.bias is None else self.bias[...]
        return depthwise(maps, self.kernel[...], stride, padding, bias)


class Pointwise(nnx.Module):
    """A 1 x 1 convolution; `kernel` (in, out), `bias` (out,) or none. A stride skips pixels."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(_kernel(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, maps: Array, stride: int = 1) -> Array:
        out = pointwise(maps[:, ::stride, ::stride], self.kernel[...])
        return out if self.bias is None else _add_bias(out, self.bias[...])


class Separable(nnx.Module):
    """A depthwise convolution and a pointwise one; `depthwise` (height, width, in), `pointwise` (in, out)."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        self.depthwise = nnx.Param(_kernel(rngs.params(), (size, size, inputs)))
        self.pointwise = nnx.Param(_kernel(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, maps: Array, stride: int = 1) -> Array:
        out = pointwise(depthwise(maps, self.depthwise[...], stride), self.pointwise[...])
        return out if self.bias is None else _add_bias(out, self.bias[...])


class TransposedConvolution(nnx.Module):
    """Each pixel becomes 2 x 2: the transposed convolution of size and stride 2.

    `kernel` (2, 2, in, out), `bias` (out,); (B, H, W, in) -> (B, 2 H, 2 W, out).
    """

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(_kernel(rngs.params(), (2, 2, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, maps: Array) -> Array:
        batch, height, width, inputs = maps.shape
        out = maps.reshape(-1, inputs) @ self.kernel[...].transpose(2, 0, 1, 3).reshape(inputs, -1)
        out = out.reshape(batch, height, width, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
        return _add_bias(out.reshape(batch, 2 * height, 2 * width, -1), self.bias[...])


class BatchNorm(nnx.Module):
    """Normalisation by stored statistics: one multiply-add a channel. Keras' `epsilon` is 1e-3.

    While `training`, by the statistics of the batch, and the stored ones move a tenth of the way to these, as
    PyTorch's do (Ioffe & Szegedy 2015, arXiv:1502.03167).
    """

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.variance = nnx.BatchStat(jnp.ones(channels))
        self.epsilon = epsilon
        self.training = False

    def __call__(self, maps: Array) -> Array:
        mean, variance = self._moments(maps) if self.training else (self.mean[...], self.variance[...])
        scale = self.scale[...] * lax.rsqrt(variance + self.epsilon)
        shift = self.bias[...] - mean * scale
        return maps * _like(maps, scale.astype(maps.dtype)) + _like(maps, shift.astype(maps.dtype))

    def _moments(self, maps: Array) -> tuple[Array, Array]:
        """Of the batch, float32, (channels,) each; the stored ones follow, with the unbiased variance."""
        exact = maps.astype(jnp.float32).reshape(-1, maps.shape[-1])
        mean = exact.mean(0)
        variance = ((exact - mean[None]) ** 2).mean(0)
        count = len(exact)
        self._follow(self.mean, mean)
        self._follow(self.variance, variance * (count / max(count - 1, 1)))
        return mean, variance

    @staticmethod
    def _follow(statistic: nnx.BatchStat, batch_value: Array) -> None:
        statistic[...] = statistic[...] + _MOMENTUM * (lax.stop_gradient(batch_value) - statistic[...])


class Dropout(nnx.Module):
    """Zeros in the place of some numbers while `training`, the others scaled up; else nothing.

    Args:
        rate: share of the numbers that become zero.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.training = False
        self.key: Array | None = nnx.data(None)

    def __call__(self, features: Array) -> Array:
        if not self.training or self.key is None:
            return features
        keep_mask = jax.random.bernoulli(self.key, 1.0 - self.rate, features.shape)
        return jnp.where(keep_mask, features / (1.0 - self.rate), 0.0)


class LayerNorm(nnx.Module):
    """Normalisation over the channels of each pixel or token (..., channels)."""

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.epsilon = epsilon

    def __call__(self, maps: Array) -> Array:
        deviation = maps - maps.mean(-1, keepdims=True)
        normal = deviation * lax.rsqrt((deviation * deviation).mean(-1, keepdims=True) + self.epsilon)
        return normal * _like(maps, self.scale[...]) + _like(maps, self.bias[...])


class PReLU(nnx.Module):
    """ReLU with a learnt slope below zero for each channel; `slope` (channels,)."""

    def __init__(self, channels: int) -> None:
        self.slope = nnx.Param(jnp.full(channels, 0.25, jnp.float32))

    def __call__(self, maps: Array) -> Array:
        return jnp.where(maps >= 0, maps, maps * _like(maps, self.slope[...]))


class Dense(nnx.Module):
    """A dense layer (..., in) -> (..., out); `kernel` (in, out), `bias` (out,) or none."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(_kernel(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, features: Array) -> Array:
        out = features @ self.kernel[...]
        return out if self.bias is None else _add_bias(out, self.bias[...])


def _edges(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _add_bias(out: Array, bias: Array) -> Array:
    return out + _like(out, bias)


def _like(maps: Array, numbers: Array) -> Array:
    """(channels,) with as many axes as `maps`."""
    return numbers.reshape(*(1,) * (maps.ndim - 1), -1)
