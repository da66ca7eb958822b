"""Window-based cross-attention of POSTER++ (Mao et al. 2023, arXiv:2301.12149): landmarks query the image.

Each map is one window, so no map is cut.
"""

import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.attention import Mlp, attend, relative_position_bias
from jaxface.classify.nets.layers import Dense, LayerNorm
from jaxface.core.types import Array

EPSILON = 1e-5


class WindowCrossAttention(nnx.Module):
    """Image and landmark maps (B, window, window, width) -> (B, window, window, width), attention and MLP.

    The queries are the landmark's features as they are. The shortcut around the attention is the *normalised*
    image.
    """

    def __init__(self, width: int, window: int, heads: int, *, rngs: nnx.Rngs) -> None:
        self.norm = LayerNorm(width, EPSILON)
        self.position_bias = nnx.Param(jnp.zeros(((2 * window - 1) ** 2, heads)))
        self.key_value = Dense(width, 2 * width, rngs=rngs)
        self.project = Dense(width, width, rngs=rngs)
        self.attention_scale = nnx.Param(jnp.full(width, 1e-5, jnp.float32))
        self.mlp_norm = LayerNorm(width, EPSILON)
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
        tokens = shortcut + attention * self.attention_scale[...].reshape(1, 1, -1)
        tokens = tokens + self.mlp(self.mlp_norm(tokens)) * self.mlp_scale[...].reshape(1, 1, -1)
        return tokens.reshape(image.shape)
