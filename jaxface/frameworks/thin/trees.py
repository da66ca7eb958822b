"""The parts of THIN's networks: encoders, a committee of classifiers, the tree gate.

Batch normalization precedes each activation (Sections 4.1 and 4.3), except in VGG.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.architectures import VGGFACE
from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.vgg import VggEncoder
from jaxface.core.types import Array
from jaxface.frameworks.thin.losses import leaf_probabilities

EPSILON = 1e-3
"""Of the authors' batch normalization."""

_kernel = nnx.initializers.he_normal(in_axis=-2, out_axis=-1, batch_axis=0)


class SmallEncoder(nnx.Module):
    """(B, H, W, channels) -> (B, H / 2^n, W / 2^n, C): n times convolution, normalization, ReLU, pooling."""

    def __init__(self, channels: int, widths: Sequence[int], *, rngs: nnx.Rngs) -> None:
        inputs = (channels, *widths)
        self.convs = nnx.List(
            [Convolution(before, width, rngs=rngs) for before, width in zip(inputs, widths, strict=False)]
        )
        self.norms = nnx.List([BatchNorm(width, EPSILON) for width in widths])

    def __call__(self, images: Array) -> Array:
        maps = images
        for conv, norm in zip(self.convs, self.norms, strict=True):
            maps = max_pool(jax.nn.relu(norm(conv(maps))), 2, 2, "VALID")
        return maps


class FaceEncoder(nnx.Module):
    """VGG-16's convolutions: (B, 224, 224, 3) in [0, 1] -> (B, 7, 7, 512)."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.vgg = VggEncoder(rngs=rngs)

    def __call__(self, images: Array) -> Array:
        mean = jnp.asarray(VGGFACE.mean, images.dtype).reshape(1, 1, 1, 3)
        return self.vgg(images[..., ::-1] * VGGFACE.value_range - mean)[-1]


class Committee(nnx.Module):
    """L classifiers of one shape: (B, features) -> (B, L, K) logits; L = 1 is a plain classifier."""

    def __init__(
        self, inputs: int, hidden: Sequence[int], classes: int, experts: int, *, rngs: nnx.Rngs
    ) -> None:
        self.kernels: nnx.List[nnx.Param] = nnx.List()
        self.biases: nnx.List[nnx.Param] = nnx.List()
        self.norms: nnx.List[BatchNorm] = nnx.List()
        for outputs in (*hidden, classes):
            self.kernels.append(nnx.Param(_kernel(rngs.params(), (experts, inputs, outputs))))
            self.biases.append(nnx.Param(jnp.zeros((experts, outputs))))
            inputs = outputs
        for width in hidden:
            self.norms.append(BatchNorm(experts * width, EPSILON))

    def __call__(self, features: Array) -> Array:
        kernel = self.kernels[0][...]
        experts, inputs, outputs = kernel.shape
        # the first layer has the same input for all experts: one product, by far the largest
        values = features @ kernel.transpose(1, 0, 2).reshape(inputs, experts * outputs)
        values = values.reshape(-1, experts, outputs) + self.biases[0][...][None]
        for norm, after, bias in zip(self.norms, self.kernels[1:], self.biases[1:], strict=True):
            normal = jax.nn.relu(norm(values.reshape(-1, experts * outputs)))
            values = jnp.einsum("bli,lio->blo", normal.reshape(-1, experts, outputs), after[...])
            outputs = after[...].shape[-1]
            values = values + bias[...][None]
        return values


class TreeGate(nnx.Module):
    """(B, features) -> (B, 2^depth) weights of the experts (Eq. 3-5)."""

    def __init__(self, inputs: int, depth: int, norm: bool, *, rngs: nnx.Rngs) -> None:
        self.nodes = Dense(inputs, 2**depth - 1, rngs=rngs)
        self.norm = BatchNorm(2**depth - 1, EPSILON) if norm else None

    def __call__(self, features: Array) -> Array:
        scores = self.nodes(features)
        if self.norm is not None:
            scores = self.norm(scores)
        return jax.vmap(leaf_probabilities)(scores)
