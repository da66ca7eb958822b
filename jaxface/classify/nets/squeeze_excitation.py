"""Squeeze and excitation: a gate for each channel from the means of all (Hu et al. 2017, arXiv:1709.01507)."""

from collections.abc import Callable

import jax
from flax import nnx

from jaxface.classify.nets.layers import Dense
from jaxface.core.types import Array


class SqueezeExcitation(nnx.Module):
    """Multiply (B, H, W, C) by a gate in (0, 1) for each channel.

    Args:
        inner: channels that the means are squeezed to.
        activation: between the two dense layers.
    """

    def __init__(
        self,
        channels: int,
        inner: int,
        activation: Callable[[Array], Array] = jax.nn.relu,
        *,
        bias: bool = True,
        rngs: nnx.Rngs,
    ) -> None:
        self.activation = activation
        self.reduce = Dense(channels, inner, bias=bias, rngs=rngs)
        self.expand = Dense(inner, channels, bias=bias, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        gates = jax.nn.sigmoid(self.expand(self.activation(self.reduce(maps.mean((1, 2))))))
        return maps * gates[:, None, None]
