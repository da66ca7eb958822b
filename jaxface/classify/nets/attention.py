"""Parts of transformers: multi-head attention, relative positions, blocks."""

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import Dense, LayerNorm
from jaxface.core.types import Array

TORCH_NAMES = (
    (r"\.norm1\.", ".norm."),
    (r"\.norm2\.", ".mlp_norm."),
    (r"\.attn\.", ".attention."),
    (r"\.proj\.", ".project."),
    (r"\.mlp\.fc1\.", ".mlp.expand."),
    (r"\.mlp\.fc2\.", ".mlp.project."),
)
"""Published names of the parts of a block, for the `rename` of a net with such blocks."""


class Mlp(nnx.Module):
    """Two dense layers, four times the width between them, exact GELU."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.expand = Dense(width, 4 * width, rngs=rngs)
        self.project = Dense(4 * width, width, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        return self.project(jax.nn.gelu(self.expand(tokens), approximate=False))


class SelfAttention(nnx.Module):
    """Multi-head self-attention of tokens (..., N, width); `qkv` gives queries, keys, values in this order."""

    def __init__(self, width: int, heads: int, *, rngs: nnx.Rngs) -> None:
        self.qkv = Dense(width, 3 * width, rngs=rngs)
        self.project = Dense(width, width, rngs=rngs)
        self.heads = heads

    def __call__(self, tokens: Array, bias: Array | None = None) -> Array:
        query, key, value = jnp.split(self.qkv(tokens), 3, axis=-1)
        return self.project(attend(query, key, value, self.heads, bias))


class Block(nnx.Module):
    """Attention and an MLP, each after a LayerNorm and on a shortcut (Dosovitskiy et al. 2021, ViT)."""

    def __init__(self, width: int, heads: int, epsilon: float, *, rngs: nnx.Rngs) -> None:
        self.norm = LayerNorm(width, epsilon)
        self.attention = SelfAttention(width, heads, rngs=rngs)
        self.mlp_norm = LayerNorm(width, epsilon)
        self.mlp = Mlp(width, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        tokens = tokens + self.attention(self.norm(tokens))
        return tokens + self.mlp(self.mlp_norm(tokens))


class WindowCrossAttention(nnx.Module):
    """Image and landmark maps (B, window, window, width) -> (B, window, window, width), attention and MLP.

    The queries are the landmark's features as they are. The shortcut around the attention is the *normalised*
    image.
    """

    def __init__(self, width: int, window: int, heads: int, *, rngs: nnx.Rngs) -> None:
        self.norm = LayerNorm(width)
        self.position_bias = nnx.Param(jnp.zeros(((2 * window - 1) ** 2, heads)))
        self.key_value = Dense(width, 2 * width, rngs=rngs)
        self.project = Dense(width, width, rngs=rngs)
        self.attention_scale = nnx.Param(jnp.full(width, 1e-5, jnp.float32))
        self.mlp_norm = LayerNorm(width)
        self.mlp = Mlp(width, rngs=rngs)
        self.mlp_scale = nnx.Param(jnp.full(width, 1e-5, jnp.float32))
        self.window = window
        self.heads = heads

    def __call__(self, image: Array, landmark: Array) -> Array:
        batch, height, width, channels = image.shape
        shortcut = self.norm(image).reshape(batch, height * width, channels)
        key, value = jnp.split(self.key_value(shortcut), 2, axis=-1)
        bias = relative_position_bias(self.position_bias[...], self.window)
        query = landmark.reshape(shortcut.shape)
        attention = self.project(attend(query, key, value, self.heads, bias[None]))
        update = attention * self.attention_scale[...].reshape(1, 1, -1)
        tokens = shortcut + self.branch("attention", update)
        update = self.mlp(self.mlp_norm(tokens)) * self.mlp_scale[...].reshape(1, 1, -1)
        return (tokens + self.branch("mlp", update)).reshape(image.shape)

    def branch(self, name: str, update: Array) -> Array:
        """Return what "attention" or "mlp" adds to the shortcut; a training may drop it."""
        return update


def attend(query: Array, key: Array, value: Array, heads: int, bias: Array | None = None) -> Array:
    """Return softmax(query key^T / sqrt(channels of a head) + bias) value, head by head.

    Args:
        query: (..., Q, width); key, value: (..., N, width). A head owns neighbouring channels.
        bias: anything that broadcasts to (..., heads, Q, N) with as many axes, or none.
    Returns:
        (..., Q, width), the heads side by side.
    """

    def split(tokens: Array) -> Array:
        return tokens.reshape(*tokens.shape[:-1], heads, tokens.shape[-1] // heads)

    scale = (query.shape[-1] // heads) ** -0.5
    scores = jnp.einsum("...qhd,...khd->...hqk", split(query) * scale, split(key))
    if bias is not None:
        scores = scores + bias
    return jnp.einsum("...hqk,...khd->...qhd", jax.nn.softmax(scores, -1), split(value)).reshape(query.shape)


def relative_position_bias(table: Array, window: int) -> Array:
    """Return the bias between any two pixels of a square window, from one number for each displacement.

    Args:
        table: ((2 window - 1)^2, heads); row (dy + window - 1)(2 window - 1) + dx + window - 1 is for a query
            that lies (dy, dx) after its key (Liu et al. 2021, arXiv:2103.14030).
    Returns:
        (heads, window^2, window^2): query, key.
    """
    row, column = jnp.divmod(jnp.arange(window**2), window)
    down, right = (place[:, None] - place[None] + window - 1 for place in (row, column))
    return table[down * (2 * window - 1) + right].transpose(2, 0, 1)
