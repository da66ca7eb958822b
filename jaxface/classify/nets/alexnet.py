"""AlexNet's convolutions (Krizhevsky 2014, arXiv:1404.5997), the form without groups; five maps for LPIPS."""

import jax
from flax import nnx

from jaxface.classify.nets.layers import Convolution
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.types import Array

CHANNELS = (64, 192, 384, 256, 256)

TORCH = TorchLayout(
    rename=(
        (r"^features\.0\.", "layers.0."),
        (r"^features\.3\.", "layers.1."),
        (r"^features\.6\.", "layers.2."),
        (r"^features\.8\.", "layers.3."),
        (r"^features\.10\.", "layers.4."),
    ),
    ignored_keys=(r"classifier\.",),
)
"""Of torchvision's files. Ignored: the dense layers, which are for 224 pixels alone."""


class AlexNetMaps(nnx.Module):
    """(B, H, W, 3), 63 pixels or more -> the five maps after each ReLU, before any pooling."""

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
