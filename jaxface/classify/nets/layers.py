"""Layers that several nets share, in Flax NNX; for inference unless their `training` is switched on.

`checkpoints/state_dict.py` lists every class with PyTorch's names and layouts of its arrays.

Flax's own layers (0.12.8, measured on a CPU) draw a key for constant arrays too, so the same seed would
start from other weights. `nnx.merge` of 200 `Linear` takes 26 instead of 5 ms, the gradient of `BatchNorm`
0.44 instead of 0.09 ms; it keeps the biased variance, where PyTorch keeps the unbiased one. `Dropout` takes
a key through all modules around it. `train()` switches a whole module, a training only the parts that it
trains (`frameworks/common/step.py`).
"""

from collections.abc import Callable, Iterable

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
    """A depthwise convolution; `kernel` (height, width, channels), `bias` (channels,) or none."""

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
    """A depthwise convolution and a pointwise one; `depthwise` (3, 3, in), `pointwise` (in, out)."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        self.depthwise = nnx.Param(_kernel(rngs.params(), (3, 3, inputs)))
        self.pointwise = nnx.Param(_kernel(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, maps: Array, stride: int = 1) -> Array:
        out = pointwise(depthwise(maps, self.depthwise[...], stride), self.pointwise[...])
        return out if self.bias is None else _add_bias(out, self.bias[...])


class TransposedConvolution(nnx.Module):
    """Expand each pixel to 2 x 2: the transposed convolution of size and stride 2.

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
    """Normalise by running statistics: one multiply-add a channel. Keras' `epsilon` is 1e-3.

    While `training`, normalise by the statistics of the batch and move the running ones a tenth of the way to
    them, as PyTorch does (Ioffe & Szegedy 2015, arXiv:1502.03167).
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
        """Mean and variance of the batch, float32, (channels,) each; updates the running ones (unbiased)."""
        exact = maps.astype(jnp.float32).reshape(-1, maps.shape[-1])
        mean = exact.mean(0)
        variance = ((exact - mean[None]) ** 2).mean(0)
        count = len(exact)
        self._update(self.mean, mean)
        self._update(self.variance, variance * (count / max(count - 1, 1)))
        return mean, variance

    @staticmethod
    def _update(statistic: nnx.BatchStat, batch_value: Array) -> None:
        statistic[...] = statistic[...] + _MOMENTUM * (lax.stop_gradient(batch_value) - statistic[...])


class Dropout(nnx.Module):
    """While `training`, set some of the numbers to zero and scale the others up.

    Args:
        rate: fraction of the numbers that become zero.
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
    """Normalise over the channels of each pixel or token (..., channels)."""

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


def in_turn(layers: Iterable[Callable[[Array], Array]], maps: Array) -> Array:
    """Apply layers one after another."""
    for layer in layers:
        maps = layer(maps)
    return maps


def _edges(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _add_bias(out: Array, bias: Array) -> Array:
    return out + _like(out, bias)


def _like(maps: Array, numbers: Array) -> Array:
    """(channels,) with as many axes as `maps`."""
    return numbers.reshape(*(1,) * (maps.ndim - 1), -1)
