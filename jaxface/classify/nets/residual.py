"""Residual networks of basic blocks, ResNet-18 and ResNet-34 (He et al. 2015, arXiv:1512.03385)."""

from collections.abc import Sequence

import jax
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Pointwise
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

WIDTHS = (64, 128, 256, 512)

BLOCK_KEYS = (
    (r"\.bn(\d)\.", r".norm\1."),
    *numbered(r"\.downsample", ".", {0: "shortcut", 1: "shortcut_norm"}),
)
"""From torchvision's names within a basic block to ours, for `TorchLayout.rename`."""

RESNET_KEYS = (
    (r"^conv1\.", "backbone.conv."),
    (r"^bn1\.", "backbone.norm."),
    *((rf"^layer{stage + 1}\.", f"backbone.stages.{stage}.layers.") for stage in range(4)),
    *BLOCK_KEYS,
)
"""The same for a net whose `backbone` is a `ResNet`."""

TORCH = TorchLayout(rename=(*RESNET_KEYS, (r"^fc\.", "head.")))
"""Of torchvision's and timm's files."""


class BasicBlock(nnx.Module):
    """Two 3 x 3 convolutions on a shortcut, which is a 1 x 1 convolution if size or depth changes."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, rngs: nnx.Rngs) -> None:
        self.stride = stride
        self.conv1 = Convolution(inputs, outputs, bias=False, rngs=rngs)
        self.norm1 = BatchNorm(outputs)
        self.conv2 = Convolution(outputs, outputs, bias=False, rngs=rngs)
        self.norm2 = BatchNorm(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = None if same else Pointwise(inputs, outputs, bias=False, rngs=rngs)
        self.shortcut_norm = None if same else BatchNorm(outputs)

    def __call__(self, maps: Array) -> Array:
        inner = jax.nn.relu(self.norm1(self.conv1(maps, self.stride, 1)))
        inner = self.norm2(self.conv2(inner, 1, 1))
        if self.shortcut is not None and self.shortcut_norm is not None:
            maps = self.shortcut_norm(self.shortcut(maps, self.stride))
        return jax.nn.relu(inner + maps)


class ResNet(nnx.Module):
    """The convolutions of a residual network: (B, H, W, 3) -> (B, H / 32, W / 32, 512).

    Args:
        depths: basic blocks in each of the four stages: (2, 2, 2, 2) is ResNet-18, (3, 4, 6, 3) ResNet-34.
    """

    def __init__(self, depths: Sequence[int], *, rngs: nnx.Rngs) -> None:
        self.conv = Convolution(3, WIDTHS[0], 7, bias=False, rngs=rngs)
        self.norm = BatchNorm(WIDTHS[0])
        self.stages: nnx.List[nnx.Sequential] = nnx.List()
        inputs = WIDTHS[0]
        for width, depth in zip(WIDTHS, depths, strict=True):
            first = BasicBlock(inputs, width, 1 if width == inputs else 2, rngs=rngs)
            others = (BasicBlock(width, width, rngs=rngs) for _ in range(depth - 1))
            self.stages.append(nnx.Sequential(first, *others))
            inputs = width

    def stem(self, images: Array) -> Array:
        """Compute the input of the first stage: (B, H, W, 3) -> (B, H / 4, W / 4, 64)."""
        return max_pool(jax.nn.relu(self.norm(self.conv(images, 2, 3))), 3, 2, 1)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        """Return the last maps, and by name the `stem` and `stage1` ... `stage4`."""
        maps = self.stem(images)
        taps = {"stem": maps}
        for number, stage in enumerate(self.stages, 1):
            maps = taps[f"stage{number}"] = stage(maps)
        return maps, taps


class ResNet18(nnx.Module):
    """(B, H, W, 3) -> logits (B, K) and the maps `stem`, `stage1` ... `stage4`, `embedding` (B, 512)."""

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.backbone = ResNet((2, 2, 2, 2), rngs=rngs)
        self.head = Dense(WIDTHS[-1], classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps, taps = self.backbone(images)
        taps["embedding"] = maps.mean((1, 2))
        return self.head(taps["embedding"]), taps
