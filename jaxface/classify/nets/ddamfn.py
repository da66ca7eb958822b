"""DDAMFN++, the dual-direction attention mixed feature network on 112 x 112 RGB.

Zhang et al. 2023, "A Dual-Direction Attention Mixed Feature Network for Facial Expression Recognition",
Electronics 12(17), 3595.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Depthwise, Pointwise, PReLU
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.types import Array

CHANNELS = 512
HEADS = 2

_REDUCING = (  # channels after, channels within, and how many of these each size of kernel gets
    (64, 128, {3: 64, 5: 32, 7: 32}),
    (128, 256, {3: 128, 5: 64, 7: 64}),
    (256, 1024, {3: 256, 5: 256, 7: 256, 9: 256}),
)
_KEEPING = (  # how many blocks, channels within, and the kernels as above
    (9, 128, {3: 96, 5: 32}),
    (16, 256, {3: 192, 5: 64}),
    (6, 512, {3: 172, 5: 170, 7: 170}),
)

TORCH = TorchLayout(
    rename=(
        (r"^features\.0\.", "stem."),
        (r"^features\.1\.", "stem_depthwise."),
        *((rf"^features\.{2 + 2 * stage}\.", f"stages.{stage}.layers.0.") for stage in range(3)),
        # the blocks that keep the size come after the one that halves it: place 0 of the list is taken
        *(
            (rf"^features\.{3 + 2 * stage}\.model\.{block}\.", f"stages.{stage}.layers.{block + 1}.")
            for stage, (blocks, *_) in enumerate(_KEEPING)
            for block in range(blocks)
        ),
        (r"^features\.8\.", "last."),
        (r"^(stages\..*)\.conv\.(conv|bn|prelu)\.", r"\1.expand.\2."),
        (r"\.conv_dw\.mixed_depthwise_conv\.", ".mixed.groups."),
        (r"\.project\.conv\.", ".project."),
        (r"\.project\.bn\.", ".project_norm."),
        (r"^cat_head(\d)\.CoordAtt\.Linear_h\.conv\.", r"heads.\1.rows."),
        (r"^cat_head(\d)\.CoordAtt\.Linear_h\.bn\.", r"heads.\1.rows_norm."),
        (r"^cat_head(\d)\.CoordAtt\.Linear_w\.conv\.", r"heads.\1.columns."),
        (r"^cat_head(\d)\.CoordAtt\.Linear_w\.bn\.", r"heads.\1.columns_norm."),
        (r"^cat_head(\d)\.CoordAtt\.", r"heads.\1.attention."),
        (r"\.CA\.", ".attention."),
        (r"\.attention\.conv1\.", ".attention.squeeze."),
        (r"\.attention\.bn1\.", ".attention.squeeze_norm."),
        (r"\.attention\.conv2\.", ".attention.rows."),
        (r"\.attention\.conv3\.", ".attention.columns."),
        (r"^Linear\.conv\.", "pool."),
        (r"^Linear\.bn\.", "pool_norm."),
        (r"^fc\.", "head."),
        (r"\.bn\.", ".norm."),
    ),
    ignored_keys=(
        r"features\..*\.conv_dw\.(bn|prelu)\.",
        r"cat_head\d\.CoordAtt\.Linear\.",
        r"bn\.",
    ),
)


class CoordinateAttention(nnx.Module):
    """Coordinate attention (Hou et al. 2021, arXiv:2103.02907): a gate for each row and column.

    From a summary of each row (B, H, C) and each column (B, W, C) to gates (B, H, W, C) in (0, 1).

    Args:
        inner: channels that both summaries are squeezed to.
    """

    def __init__(self, channels: int, inner: int, *, rngs: nnx.Rngs) -> None:
        self.squeeze = Dense(channels, inner, rngs=rngs)
        self.squeeze_norm = BatchNorm(inner)
        self.rows = Dense(inner, channels, rngs=rngs)
        self.columns = Dense(inner, channels, rngs=rngs)

    def __call__(self, rows: Array, columns: Array) -> Array:
        both = jnp.concatenate([rows, columns], 1)
        both = jax.nn.hard_swish(self.squeeze_norm(self.squeeze(both)))
        height = rows.shape[1]
        row_gates = jax.nn.sigmoid(self.rows(both[:, :height]))
        column_gates = jax.nn.sigmoid(self.columns(both[:, height:]))
        return row_gates[:, :, None] * column_gates[:, None]


class ConvolutionBlock(nnx.Module):
    """A convolution without bias, normalised, with PReLU."""

    def __init__(self, conv: Convolution | Depthwise | Pointwise, channels: int) -> None:
        self.conv = conv
        self.norm = BatchNorm(channels)
        self.prelu = PReLU(channels)

    def __call__(self, maps: Array, *stride_and_padding: int) -> Array:
        return self.prelu(self.norm(self.conv(maps, *stride_and_padding)))


class MixedDepthwise(nnx.Module):
    """Depthwise convolutions of several sizes, each on channels of its own (Tan & Le 2019, arXiv:1907.09595).

    Args:
        groups: size of the kernel -> how many channels it gets, in their order.
    """

    def __init__(self, groups: dict[int, int], *, rngs: nnx.Rngs) -> None:
        self.groups = nnx.List(
            [Depthwise(channels, size, bias=False, rngs=rngs) for size, channels in groups.items()]
        )

    def __call__(self, maps: Array, stride: int = 1) -> Array:
        out, start = [], 0
        for group in self.groups:
            size, _, channels = group.kernel.shape
            out.append(group(maps[..., start : start + channels], stride, size // 2))
            start += channels
        return jnp.concatenate(out, -1)


class MixedBottleneck(nnx.Module):
    """Wide, mixed depthwise convolutions, coordinate attention, narrow.

    Args:
        residual: keep the size, and add what came; else the first convolution halves it.
    """

    def __init__(
        self, inputs: int, inner: int, outputs: int, groups: dict[int, int], *, residual: bool, rngs: nnx.Rngs
    ) -> None:
        self.residual = residual
        self.expand = ConvolutionBlock(Pointwise(inputs, inner, bias=False, rngs=rngs), inner)
        self.mixed = MixedDepthwise(groups, rngs=rngs)
        self.attention = CoordinateAttention(inner, max(8, inner // 32), rngs=rngs)
        self.project = Pointwise(inner, outputs, bias=False, rngs=rngs)
        self.project_norm = BatchNorm(outputs)

    def __call__(self, maps: Array) -> Array:
        inner = self.mixed(self.expand(maps), 1 if self.residual else 2)
        inner = inner * self.attention(inner.mean(2), inner.mean(1))
        out = self.project_norm(self.project(inner))
        return maps + out if self.residual else out


class DualDirectionHead(nnx.Module):
    """Coordinate attention with learnt summaries of rows and columns: (B, 7, 7, C) -> gates of that shape."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.rows = Depthwise(channels, (1, 7), bias=False, rngs=rngs)
        self.rows_norm = BatchNorm(channels)
        self.columns = Depthwise(channels, (7, 1), bias=False, rngs=rngs)
        self.columns_norm = BatchNorm(channels)
        self.attention = CoordinateAttention(channels, channels // 32, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        rows = self.rows_norm(self.rows(maps, 1, "VALID"))[:, :, 0]
        columns = self.columns_norm(self.columns(maps, 1, "VALID"))[:, 0]
        return self.attention(rows, columns)


class Ddamfn(nnx.Module):
    """(B, 112, 112, 3) -> logits (B, K) and maps.

    These are `stem`, `stage1` ... `stage3` and `features` (B, 7, 7, 512) of the mixed feature network,
    `attention0` and `attention1` (B, 7, 7, 512) of the heads, `embedding` (B, 512).
    """

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.stem = ConvolutionBlock(Convolution(3, 64, bias=False, rngs=rngs), 64)
        self.stem_depthwise = ConvolutionBlock(Depthwise(64, bias=False, rngs=rngs), 64)
        self.stages: nnx.List[nnx.Sequential] = nnx.List()
        inputs = 64
        for (outputs, wide, first), (blocks, inner, groups) in zip(_REDUCING, _KEEPING, strict=True):
            reducing = MixedBottleneck(inputs, wide, outputs, first, residual=False, rngs=rngs)
            keeping = (
                MixedBottleneck(outputs, inner, outputs, groups, residual=True, rngs=rngs)
                for _ in range(blocks)
            )
            self.stages.append(nnx.Sequential(reducing, *keeping))
            inputs = outputs
        self.last = ConvolutionBlock(Pointwise(inputs, CHANNELS, bias=False, rngs=rngs), CHANNELS)
        self.heads = nnx.List([DualDirectionHead(CHANNELS, rngs=rngs) for _ in range(HEADS)])
        self.pool = Depthwise(CHANNELS, 7, bias=False, rngs=rngs)
        self.pool_norm = BatchNorm(CHANNELS)
        self.head = Dense(CHANNELS, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps = self.stem_depthwise(self.stem(images, 2, 1), 1, 1)
        taps = {"stem": maps}
        for number, stage in enumerate(self.stages, 1):
            maps = taps[f"stage{number}"] = stage(maps)
        maps = taps["features"] = self.last(maps)
        gates = [head(maps) for head in self.heads]
        taps |= {f"attention{number}": gate for number, gate in enumerate(gates)}
        embedding = self.pool_norm(self.pool(maps * functools.reduce(jnp.maximum, gates), 1, "VALID"))
        taps["embedding"] = embedding[:, 0, 0]
        return self.head(taps["embedding"]), taps
