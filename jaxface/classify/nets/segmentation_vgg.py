"""Segmentation-VGG19: VGG-19 with four shallow masking blocks, on 224 x 224 grey x 3.

Vignesh et al. 2023, "A novel facial emotion recognition model using segmentation VGG-19 architecture",
International Journal of Information Technology 15; VGG-19: Simonyan & Zisserman 2014, arXiv:1409.1556.
"""

import jax
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Dropout
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.residual import BLOCK_KEYS
from jaxface.classify.nets.residual_masking import Masking, masked, masking_keys
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels and convolutions
MASKED = (0, 1, 2, 4)  # stages that end in a masking block
HIDDEN = 4096
EDGE = 7  # of the last map

_FIRST = [sum(count for _, count in STAGES[:stage]) for stage in range(len(STAGES))]
_PLACES = [(stage, first + 1) for stage, first in enumerate(_FIRST)]

TORCH = TorchLayout(
    rename=(
        *(key for mask in range(len(MASKED)) for key in masking_keys("seg", mask + 1, mask, 1)),
        *(
            (rf"^{theirs}{first + number}\.", f"stages.{stage}.{ours}.{number}.")
            for stage, first in _PLACES
            for number in range(STAGES[stage][1])
            for theirs, ours in (("conv", "convs"), ("bn", "norms"))
        ),
        *numbered("^classifier", "", {0: "hidden.0", 3: "hidden.1", 6: "head"}),
        *BLOCK_KEYS,
    ),
    ignored_keys=(r"seg\d\.downsample\d\.",),  # the shortcuts of the masks' blocks, saved a second time
    flatten_shapes={"hidden.0": (STAGES[-1][0], EDGE, EDGE)},
)


class Stage(nnx.Module):
    """Some 3 x 3 convolutions in a row, each normalised, with ReLU."""

    def __init__(self, inputs: int, outputs: int, count: int, *, rngs: nnx.Rngs) -> None:
        self.convs = nnx.List(
            [Convolution(outputs if number else inputs, outputs, rngs=rngs) for number in range(count)]
        )
        self.norms = nnx.List([BatchNorm(outputs) for _ in range(count)])

    def __call__(self, maps: Array) -> Array:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            maps = jax.nn.relu(norm(conv(maps, 1, 1)))
        return maps


class SegmentationVgg19(nnx.Module):
    """(B, 224, 224, 3) -> logits (B, K) and maps.

    These are `stage1` ... `stage5` (masked and pooled), `mask1` ... `mask4` (before pooling),
    `embedding` (B, 4096).
    """

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.stages: nnx.List[Stage] = nnx.List()
        inputs = 3
        for width, count in STAGES:
            self.stages.append(Stage(inputs, width, count, rngs=rngs))
            inputs = width
        self.masks = nnx.List([Masking(STAGES[stage][0], 1, rngs=rngs) for stage in MASKED])
        self.hidden = nnx.List(
            [Dense(inputs * EDGE * EDGE, HIDDEN, rngs=rngs), Dense(HIDDEN, HIDDEN, rngs=rngs)]
        )
        self.dropout = nnx.List([Dropout(0.5), Dropout(0.5)])
        self.head = Dense(HIDDEN, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        taps = {}
        maps = images
        for number, stage in enumerate(self.stages):
            maps = stage(maps)
            if number in MASKED:
                place = MASKED.index(number)
                mask = taps[f"mask{place + 1}"] = self.masks[place](maps)
                maps = masked(maps, mask)
            maps = taps[f"stage{number + 1}"] = max_pool(maps, 2, 2)
        features = maps.reshape(len(maps), -1)
        for layer, dropout in zip(self.hidden, self.dropout, strict=True):
            features = dropout(jax.nn.relu(layer(features)))
        taps["embedding"] = features
        return self.head(features), taps
