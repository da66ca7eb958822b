"""LPIPS 0.1: how different two images look, by the features of AlexNet (Zhang et al. 2018, arXiv:1801.03924).

The weights of the channels are those that its authors publish (BSD-2-Clause, in `assets/lpips-alex`); the
weights of AlexNet are torchvision's `alexnet-owt-*.pth`, which the user brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import alexnet
from jaxface.classify.weights import fill
from jaxface.core.errors import ShapeError
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array

SMALLEST = 63  # pixels along an edge that leave each map one
EPSILON = 1e-10

# per channel (red, green, blue), of images in [-1, 1]: what AlexNet was trained to see
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)

_PUBLISHED = Path(__file__).parent / "assets" / "lpips-alex" / "alex.pth"


@pytree
class Lpips:
    """The perceptual distance; a JAX pytree, differentiable in both images.

    Attributes:
        state: the numbers of AlexNet.
        weights: of the channels of each of the five maps, (C,).
        structure: of AlexNet.
    """

    state: Any
    weights: tuple[Array, ...]
    structure: nnx.GraphDef = static()

    def distance(self, first: Array, second: Array) -> Array:
        """Of each pair of images: (B, H, W, 3) in [0, 1], twice -> (B,); rounding alone (1e-15) for equal ones.

        Raises:
            ShapeError: other shapes, or images that are too small.
        """
        return sum((layer.mean((1, 2)) for layer in self._layers(first, second)), jnp.zeros(len(first)))

    def distance_map(self, first: Array, second: Array) -> Array:
        """Where the pairs differ: (B, H, W, 3) in [0, 1], twice -> (B, H, W).

        Bilinear between the pixels of each map; its mean is nearly, not exactly, the distance. Errors as there.
        """
        height, width = first.shape[1:3]
        return sum(
            (
                jax.image.resize(layer, (len(layer), height, width), "linear")
                for layer in self._layers(first, second)
            ),
            jnp.zeros((len(first), height, width)),
        )

    def _layers(self, first: Array, second: Array) -> list[Array]:
        """Of each of the five maps the weighted squared differences, (B, H', W')."""
        _check(first.shape, second.shape)
        net = nnx.merge(self.structure, self.state)
        # not as one batch: the gradient is often wanted for one of them alone
        both = zip(net(_as_trained(first)), net(_as_trained(second)), self.weights, strict=True)
        return [jnp.square(unit_channels(a) - unit_channels(b)) @ weights for a, b, weights in both]


def load(checkpoint: str | Path) -> Lpips:
    """The distance with the weights of torchvision's AlexNet from a file of them; PyTorch is not needed.

    Raises:
        CheckpointError: a file that is missing, damaged or of another net.
    """
    return _from_tensors(checkpoints.read(Path(checkpoint)), str(checkpoint))


def from_state_dict(state_dict: Mapping[str, Any]) -> Lpips:
    """The distance with AlexNet's state dict (torchvision's keys and layout; `classifier.*` is not needed).

    Raises:
        CheckpointError: tensors that are missing, surplus or misshapen.
    """
    return _from_tensors(state_dict, "AlexNet's state dict")


def unit_channels(maps: Array) -> Array:
    """Each pixel's channels (..., C) divided by their length + 1e-10; no direction has the gradient 0."""
    squares = jnp.square(maps).sum(-1, keepdims=True)
    some = squares > 0
    length = jnp.where(some, jnp.sqrt(jnp.where(some, squares, 1)), 0)
    return maps / (length + EPSILON)


def _from_tensors(tensors: Mapping[str, Any], origin: str) -> Lpips:
    net = nnx.eval_shape(lambda: alexnet.AlexNetMaps(rngs=nnx.Rngs(0)))
    structure, abstract = nnx.split(net)
    published = checkpoints.read(_PUBLISHED)
    weights = [np.asarray(published[f"lin{layer}.model.1.weight"]) for layer in range(len(alexnet.CHANNELS))]
    return Lpips(
        state=fill(abstract, Translated(net, alexnet.TORCH, tensors, origin), origin),
        weights=tuple(jnp.asarray(row.reshape(-1)) for row in weights),
        structure=structure,
    )


def _as_trained(images: Array) -> Array:
    shift, scale = (np.asarray(numbers, np.float32).reshape(1, 1, 1, 3) for numbers in (_SHIFT, _SCALE))
    return (2 * images - 1 - shift) / scale


def _check(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if len(first) != 4 or first[-1] != 3 or min(first[1:3]) < SMALLEST or first != second:
        raise ShapeError(
            f"pairs of images must be (batch, height, width, 3) twice, {SMALLEST} pixels or more along an "
            f"edge; got {first} and {second}"
        )
