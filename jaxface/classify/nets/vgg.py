"""VGG-16 (Simonyan & Zisserman 2014, arXiv:1409.1556) of VGGFace (Parkhi et al. 2015): no normalisation."""

import math

import jax
from flax import nnx

from jaxface.classify.nets.layers import Convolution, Dense
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions
HIDDEN = 4096
EDGE = 7  # of the last map, at 224 pixels

_FIRST = [sum(2 * count + 1 for _, count in STAGES[:stage]) for stage in range(len(STAGES))]

TORCH = TorchLayout(
    rename=(
        *(
            (rf"^features\.{first + 2 * number}\.", f"encoder.convs.{stage}.{number}.")
            for stage, first in enumerate(_FIRST)
            for number in range(STAGES[stage][1])
        ),
        *numbered("^classifier", "top.", {0: "hidden.0", 3: "hidden.1", 6: "head"}),
    ),
    flatten_shapes={"top.hidden.0": (STAGES[-1][0], EDGE, EDGE)},
)
"""Of torchvision's files, whose names VGGFace's weights use, too."""


class VggEncoder(nnx.Module):
    """(B, H, W, 3) -> the maps after each stage's pooling, the last (B, H / 32, W / 32, 512)."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.convs: nnx.List[nnx.List[Convolution]] = nnx.List()
        channels = 3
        for width, count in STAGES:
            inputs = (channels, *(width,) * (count - 1))
            self.convs.append(nnx.List([Convolution(before, width, rngs=rngs) for before in inputs]))
            channels = width

    def __call__(self, images: Array) -> list[Array]:
        maps, levels = images, []
        for convs in self.convs:
            for conv in convs:
                maps = jax.nn.relu(conv(maps, 1, 1))
            maps = max_pool(maps, 2, 2)
            levels.append(maps)
        return levels


class VggTop(nnx.Module):
    """fc6, fc7 and fc8: maps (B, 7, 7, 512) -> logits (B, K), and fc6 and fc7 after their ReLU."""

    def __init__(self, classes: int, inputs: int, width: int = HIDDEN, *, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.List([Dense(inputs, width, rngs=rngs), Dense(width, width, rngs=rngs)])
        self.head = Dense(width, classes, rngs=rngs)

    def __call__(self, maps: Array) -> tuple[Array, list[Array]]:
        features, answers = maps.reshape(-1, math.prod(maps.shape[1:])), []
        for layer in self.hidden:
            features = jax.nn.relu(layer(features))
            answers.append(features)
        return self.head(features), answers


class Vgg16(nnx.Module):
    """(B, 224, 224, 3) -> logits (B, K) and the maps `stage1` ... `stage5` (pooled), `fc6`, `embedding` (fc7).

    The original drops half of fc6 and fc7 while it learns; here nothing is dropped.
    """

    def __init__(self, classes: int, width: int = HIDDEN, *, rngs: nnx.Rngs) -> None:
        self.encoder = VggEncoder(rngs=rngs)
        self.top = VggTop(classes, EDGE * EDGE * STAGES[-1][0], width, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps = self.encoder(images)
        logits, (first, second) = self.top(maps[-1])
        taps = {f"stage{number}": level for number, level in enumerate(maps, 1)}
        return logits, taps | {"fc6": first, "embedding": second}
