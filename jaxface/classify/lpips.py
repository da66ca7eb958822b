"""LPIPS 0.1: perceptual distance of two images by features of AlexNet (Zhang et al. 2018, arXiv:1801.03924).

The channel weights are those of its authors (BSD-2-Clause, in `assets/lpips-alex`). The weights of AlexNet are
torchvision's `alexnet-owt-*.pth`, which the user supplies.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets.layers import Convolution
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.classify.weights import fill
from jaxface.core.errors import ShapeError
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array

SMALLEST = 63  # pixels along an edge: every map keeps at least one
EPSILON = 1e-10

# per channel (red, green, blue), of images in [-1, 1], as in the training of AlexNet
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)

_PUBLISHED = Path(__file__).parent / "assets" / "lpips-alex" / "alex.pth"

CHANNELS = (64, 192, 384, 256, 256)

TORCH = TorchLayout(
    rename=numbered("^features", "layers.", {0: "0", 3: "1", 6: "2", 8: "3", 10: "4"}),
    ignored_keys=(r"classifier\.",),
)
"""Of torchvision's files. Ignored: the dense layers, which are for 224 pixels alone."""


class AlexNetMaps(nnx.Module):
    """AlexNet's convolutions, the form without groups (Krizhevsky 2014, arXiv:1404.5997).

    (B, H, W, 3), 63 pixels or more -> the five maps after each ReLU, before any pooling.
    """

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        sizes = (11, 5, 3, 3, 3)
        widths = zip((3, *CHANNELS), CHANNELS, sizes, strict=False)
        self.layers = nnx.List([Convolution(*width, rngs=rngs) for width in widths])

    def __call__(self, images: Array) -> tuple[Array, ...]:
        first = jax.nn.relu(self.layers[0](images, 4, 2))
        second = jax.nn.relu(self.layers[1](max_pool(first, 3, 2, "VALID"), 1, 2))
        maps = [first, second, max_pool(second, 3, 2, "VALID")]
        for layer in list(self.layers)[2:]:
            maps.append(jax.nn.relu(layer(maps[-1], 1, 1)))
        return (first, second, *maps[3:])


@pytree
class Lpips:
    """The perceptual distance; a JAX pytree, differentiable in both images.

    Attributes:
        state: the arrays of AlexNet.
        weights: of the channels of each of the five maps, (C,).
        structure: of AlexNet.
    """

    state: Any
    weights: tuple[Array, ...]
    structure: nnx.GraphDef = static()

    def distance(self, first: Array, second: Array) -> Array:
        """Return the distances of pairs of images (B, H, W, 3) in [0, 1]: (B,); up to 1e-15 for equal ones.

        Raises:
            ShapeError: other shapes, or images that are too small.
        """
        return sum((layer.mean((1, 2)) for layer in self._layers(first, second)), jnp.zeros(len(first)))

    def distance_map(self, first: Array, second: Array) -> Array:
        """Return where pairs of images (B, H, W, 3) in [0, 1] differ: (B, H, W).

        Bilinear between the pixels of each map; its mean is nearly, not exactly, the distance. Raises as
        `distance`.
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
        # Not as one batch: often the gradient of one of the two is enough.
        both = zip(net(_as_trained(first)), net(_as_trained(second)), self.weights, strict=True)
        return [jnp.square(unit_channels(a) - unit_channels(b)) @ weights for a, b, weights in both]


def load(checkpoint: str | Path) -> Lpips:
    """Load the distance with torchvision's AlexNet from a checkpoint file; PyTorch is not needed.

    Raises:
        CheckpointError: a file that is missing, damaged or of another net.
    """
    return _from_tensors(checkpoints.read(Path(checkpoint)), str(checkpoint))


def from_state_dict(state_dict: Mapping[str, Any]) -> Lpips:
    """Build the distance from AlexNet's state dict (torchvision's keys; `classifier.*` is not needed).

    Raises:
        CheckpointError: tensors that are missing, surplus or misshapen.
    """
    return _from_tensors(state_dict, "AlexNet's state dict")


def unit_channels(maps: Array) -> Array:
    """Divide each pixel's channels (..., C) by their length + 1e-10; the gradient is 0 where all are 0."""
    squares = jnp.square(maps).sum(-1, keepdims=True)
    is_nonzero = squares > 0
    length = jnp.where(is_nonzero, jnp.sqrt(jnp.where(is_nonzero, squares, 1)), 0)
    return maps / (length + EPSILON)


def _from_tensors(tensors: Mapping[str, Any], origin: str) -> Lpips:
    net = nnx.eval_shape(lambda: AlexNetMaps(rngs=nnx.Rngs(0)))
    structure, abstract = nnx.split(net)
    linear = checkpoints.read(_PUBLISHED)
    weights = [np.asarray(linear[f"lin{layer}.model.1.weight"]) for layer in range(len(CHANNELS))]
    return Lpips(
        state=fill(abstract, Translated(net, TORCH, tensors, origin), origin),
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
