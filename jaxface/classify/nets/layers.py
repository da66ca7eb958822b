"""Layers that several nets share, in Flax NNX; inference only."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jax import lax

from jaxface.classify.nets.convolution import Padding, convolution, depthwise, pointwise
from jaxface.core.types import Array

_kernel = nnx.initializers.he_normal()


class Convolution(nnx.Module):
    """A full convolution; `kernel` (height, width, in, out), `bias` (out,) or none."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, bias: bool = True, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(_kernel(rngs.params(), (size, size, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, maps: Array, stride: int = 1, padding: Padding = "SAME") -> Array:
        out = convolution(maps, self.kernel[...], stride, padding)
        return out if self.bias is None else _add_bias(out, self.bias[...])


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


class BatchNorm(nnx.Module):
    """Normalisation by stored statistics: one multiply-add a channel."""

    def __init__(self, channels: int, epsilon: float = 1e-3) -> None:
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.variance = nnx.BatchStat(jnp.ones(channels))
        self.epsilon = epsilon

    def __call__(self, maps: Array) -> Array:
        scale = self.scale[...] * lax.rsqrt(self.variance[...] + self.epsilon)
        shift = self.bias[...] - self.mean[...] * scale
        ones = (1,) * (maps.ndim - 1)
        return maps * scale.reshape(*ones, -1) + shift.reshape(*ones, -1)


class Dense(nnx.Module):
    """A dense layer (B, in) -> (B, out); `kernel` (in, out), `bias` (out,)."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(_kernel(rngs.params(), (inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, features: Array) -> Array:
        return _add_bias(features @ self.kernel[...], self.bias[...])


def _add_bias(out: Array, bias: Array) -> Array:
    return out + bias.reshape(*(1,) * (out.ndim - 1), -1)
