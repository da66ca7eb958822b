"""Coordinate attention (Hou et al. 2021, arXiv:2103.02907): a gate for each row and one for each column."""

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Dense
from jaxface.core.types import Array


class CoordinateAttention(nnx.Module):
    """From a summary of each row (B, H, C) and each column (B, W, C) to gates (B, H, W, C) in (0, 1).

    Args:
        inner: channels that both summaries are squeezed to.
    """

    def __init__(self, channels: int, inner: int, *, rngs: nnx.Rngs) -> None:
        self.squeeze = Dense(channels, inner, rngs=rngs)
        self.squeeze_norm = BatchNorm(inner)
        self.rows = Dense(inner, channels, rngs=rngs)
        self.columns = Dense(inner, channels, rngs=rngs)

    def __call__(self, rows: Array, columns: Array) -> Array:
        both = jnp.concatenate([rows, columns], 1)
        both = jax.nn.hard_swish(self.squeeze_norm(self.squeeze(both)))
        height = rows.shape[1]
        row_gates = jax.nn.sigmoid(self.rows(both[:, :height]))
        column_gates = jax.nn.sigmoid(self.columns(both[:, height:]))
        return row_gates[:, :, None] * column_gates[:, None]
