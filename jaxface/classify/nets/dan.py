"""DAN, the distract-your-attention network (Wen et al. 2021, arXiv:2109.07270) on 224 x 224 RGB."""

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Pointwise
from jaxface.classify.nets.residual import BLOCK_KEYS, ResNet
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

CHANNELS = 512
HEADS = 4

TORCH = TorchLayout(
    rename=(
        *numbered("^features", "backbone.", {0: "conv", 1: "norm"}),
        *((rf"^features\.{4 + stage}\.", f"backbone.stages.{stage}.layers.") for stage in range(4)),
        *BLOCK_KEYS,
        (r"^cat_head(\d)\.sa\.", r"heads.\1.spatial."),
        *numbered(r"\.conv1x1", ".", {0: "squeeze", 1: "squeeze_norm"}),
        *numbered(r"\.conv_3x3", ".", {0: "square", 1: "square_norm"}),
        *numbered(r"\.conv_1x3", ".", {0: "row", 1: "row_norm"}),
        *numbered(r"\.conv_3x1", ".", {0: "column", 1: "column_norm"}),
        (r"^cat_head(\d)\.ca\.", r"heads.\1.channel."),
        *numbered(r"\.attention", ".", {0: "reduce", 1: "norm", 3: "expand"}),
        (r"^fc\.", "head."),
        (r"^bn\.", "head_norm."),
    )
)


class SpatialAttention(nnx.Module):
    """The maps times one number a pixel: the channels' sum of a square, a row and a column convolution."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        inner = channels // 2
        self.squeeze = Pointwise(channels, inner, rngs=rngs)
        self.squeeze_norm = BatchNorm(inner)
        self.square = Convolution(inner, channels, 3, rngs=rngs)
        self.square_norm = BatchNorm(channels)
        self.row = Convolution(inner, channels, (1, 3), rngs=rngs)
        self.row_norm = BatchNorm(channels)
        self.column = Convolution(inner, channels, (3, 1), rngs=rngs)
        self.column_norm = BatchNorm(channels)

    def __call__(self, maps: Array) -> Array:
        inner = self.squeeze_norm(self.squeeze(maps))
        wide = self.square_norm(self.square(inner))
        wide = wide + self.row_norm(self.row(inner)) + self.column_norm(self.column(inner))
        return maps * jax.nn.relu(wide).sum(-1, keepdims=True)


class ChannelAttention(nnx.Module):
    """The mean of each map times a gate for its channel: (B, H, W, C) -> (B, C)."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.reduce = Dense(channels, channels // 16, rngs=rngs)
        self.norm = BatchNorm(channels // 16)
        self.expand = Dense(channels // 16, channels, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        means = maps.mean((1, 2))
        return means * jax.nn.sigmoid(self.expand(jax.nn.relu(self.norm(self.reduce(means)))))


class CrossAttentionHead(nnx.Module):
    """Attention to places, then to channels: (B, H, W, C) -> attended maps and (B, C)."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.spatial = SpatialAttention(channels, rngs=rngs)
        self.channel = ChannelAttention(channels, rngs=rngs)

    def __call__(self, maps: Array) -> tuple[Array, Array]:
        attention_maps = self.spatial(maps)
        return attention_maps, self.channel(attention_maps)


class Dan(nnx.Module):
    """(B, 224, 224, 3) -> logits (B, K) and maps.

    These are `stem`, `stage1` ... `stage4` of the ResNet-18, `spatial0` ... `spatial3` (B, 7, 7, 512) and
    `head0` ... `head3` (B, 512) of the attention heads, `embedding` (B, 512): the heads' logarithms of a
    softmax among them, summed (the attention fusion network).
    """

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.backbone = ResNet((2, 2, 2, 2), rngs=rngs)
        self.heads = nnx.List([CrossAttentionHead(CHANNELS, rngs=rngs) for _ in range(HEADS)])
        self.head = Dense(CHANNELS, classes, rngs=rngs)
        self.head_norm = BatchNorm(classes)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps, taps = self.backbone(images)
        for number, head in enumerate(self.heads):
            taps[f"spatial{number}"], taps[f"head{number}"] = head(maps)
        heads = jnp.stack([taps[f"head{number}"] for number in range(HEADS)], 1)
        # the heads differ by hundreds: too coarse for half precision
        shares = jax.nn.log_softmax(heads.astype(jnp.promote_types(heads.dtype, jnp.float32)), axis=1)
        taps["embedding"] = shares.sum(1).astype(heads.dtype)
        return self.head_norm(self.head(taps["embedding"])), taps
