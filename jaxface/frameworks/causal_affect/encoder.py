"""From faces to an embedding, and from it to the features of each action unit (Section 4.1)."""

from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.nets.efficientnet import SqueezeExcitation
from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense
from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, SmallConfig

CONVNEXT = "convnext-b"
_CONVNEXT_WIDTH = 1024
_EPSILON = 1e-5


class SmallNet(nnx.Module):
    """(B, H, W, 3) -> (B, D): convolutions, then a dense layer over all positions."""

    def __init__(self, config: SmallConfig, size: int, *, rngs: nnx.Rngs) -> None:
        edges = (3, *config.channels)
        layers = [Convolution(a, b, bias=False, rngs=rngs) for a, b in pairwise(edges)]
        self.convolutions = nnx.List(layers)
        self.norms = nnx.List([BatchNorm(width) for width in config.channels])
        for _ in layers:
            size = -(-size // 2)
        self.dense = Dense(size * size * config.channels[-1], config.width, rngs=rngs)

    def __call__(self, images: Array) -> Array:
        maps = images
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            maps = jax.nn.relu(norm(convolution(maps, 2)))
        return jax.nn.relu(self.dense(maps.reshape(maps.shape[0], -1)))


class Encoder(nnx.Module):
    """(B, H, W, 3) normalized faces -> z_img (B, D), with squeeze-and-excitation.

    Of ConvNeXt-B, the head has one class and is not used.
    """

    def __init__(self, config: CausalAffectConfig, size: int, *, rngs: nnx.Rngs) -> None:
        if config.encoder == CONVNEXT:
            self.net, self.width = ARCHITECTURES[CONVNEXT].net(1, rngs=rngs), _CONVNEXT_WIDTH
        else:
            self.net, self.width = SmallNet(config.small, size, rngs=rngs), config.small.width
        self.excitation = SqueezeExcitation(self.width, max(self.width // config.excitation, 1), rngs=rngs)

    def __call__(self, images: Array) -> Array:
        outputs = self.net(images)
        embedding = outputs[1]["embedding"] if isinstance(outputs, tuple) else outputs
        return self.excitation(embedding[:, None, None, :])[:, 0, 0]


class UnitFeatures(nnx.Module):
    """N_AU projections z -> f_i, each layer-normalized without a learnt scale: (B, D) -> (B, U, d).

    With a scale, the encoder could outgrow the noise of the counterfactuals.
    """

    def __init__(self, units: int, inputs: int, width: int, *, rngs: nnx.Rngs) -> None:
        initializer = nnx.initializers.lecun_normal(batch_axis=0)
        self.kernel = nnx.Param(initializer(rngs.params(), (units, inputs, width)))
        self.bias = nnx.Param(jnp.zeros((units, width)))

    def __call__(self, embedding: Array) -> Array:
        features = jnp.einsum("bz,uzd->bud", embedding, self.kernel[...]) + self.bias[...][None]
        features = features - features.mean(-1, keepdims=True)
        return features * jax.lax.rsqrt((features**2).mean(-1, keepdims=True) + _EPSILON)


class UnitHead(nnx.Module):
    """A binary classifier of each unit's own features: (B, U, d) -> logits (B, U)."""

    def __init__(self, units: int, width: int, *, rngs: nnx.Rngs) -> None:
        self.kernel = nnx.Param(nnx.initializers.lecun_normal(1, 0)(rngs.params(), (units, width)))
        self.bias = nnx.Param(jnp.zeros(units))

    def __call__(self, features: Array) -> Array:
        return jnp.einsum("bud,ud->bu", features, self.kernel[...]) + self.bias[...][None]
