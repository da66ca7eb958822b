"""The feature extractor: POSTER++ (Mao et al. 2023, arXiv:2301.12149), in its own size or a smaller one.

Two backbones take the face. At three levels, each half as large as the one before, landmark features attend to
image features; a transformer combines the levels into one embedding. The parts are those of `classify.nets`.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.attention import Block, WindowCrossAttention
from jaxface.classify.nets.face_backbones import Ir50, MobileFaceNet
from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Dropout, LayerNorm, Pointwise, PReLU
from jaxface.core.types import Array
from jaxface.frameworks.grefel.config import SmallConfig

DROP_RATES = (0.0, 0.125, 0.25)  # share of examples without a level's attention, and without its MLP
_EPSILON = 1e-6  # of the transformer's LayerNorm
_start = nnx.initializers.truncated_normal(0.02)


class Shape(NamedTuple):
    """The sizes of an extractor: `channels` and `heads` of the levels, then of the transformer."""

    inside: int  # pixels along an edge of the backbones' input
    finest: int  # input pixels for one of the finest level; four times as many for the coarsest
    channels: tuple[int, int, int]
    heads: tuple[int, int, int]
    width: int
    depth: int
    token_heads: int
    landmarks: int  # channels of the landmark net's last map
    small: bool  # whether the backbones are the small ones

    @property
    def tokens(self) -> int:
        """The number of tokens of the transformer, including the class token."""
        return 1 + 3 * (self.inside // (4 * self.finest)) ** 2


POSTER = Shape(112, 4, (64, 128, 256), (2, 4, 8), 768, 2, 8, 512, small=False)


def small_shape(config: SmallConfig, size: int) -> Shape:
    """Return the shape for faces of `size` pixels, rounded to the nearest multiple of 32."""
    inside = 32 * max(math.floor(size / 32 + 0.5), 1)
    widths = (config.width, config.depth, config.token_heads)
    return Shape(inside, 8, config.channels, config.heads, *widths, config.channels[2], small=True)


class DropPath(Dropout):
    """Drops a whole branch for some examples while `training` (Huang et al. 2016, arXiv:1603.09382)."""

    def __call__(self, features: Array) -> Array:
        if not self.training or self.key is None or not self.rate:
            return features
        shape = (features.shape[0], *(1,) * (features.ndim - 1))
        keep = jax.random.bernoulli(self.key, 1.0 - self.rate, shape)
        return jnp.where(keep, features / (1.0 - self.rate), 0.0)


class CrossAttention(WindowCrossAttention):
    """`WindowCrossAttention` for training: branches are dropped at random, position biases start at random."""

    def __init__(self, width: int, window: int, heads: int, drop_rate: float, *, rngs: nnx.Rngs) -> None:
        super().__init__(width, window, heads, rngs=rngs)
        self.position_bias[...] = _start(rngs.params(), self.position_bias.shape)
        self.attention_drop = DropPath(drop_rate)
        self.mlp_drop = DropPath(drop_rate)

    def branch(self, name: str, update: Array) -> Array:
        return self.attention_drop(update) if name == "attention" else self.mlp_drop(update)


class Layer(nnx.Module):
    """A 3 x 3 convolution, BatchNorm, PReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, rngs: nnx.Rngs) -> None:
        self.convolution = Convolution(inputs, outputs, bias=False, rngs=rngs)
        self.norm = BatchNorm(outputs)
        self.prelu = PReLU(outputs)
        self.stride = stride

    def __call__(self, maps: Array) -> Array:
        return self.prelu(self.norm(self.convolution(maps, self.stride, 1)))


class SmallImageNet(nnx.Module):
    """(B, S, S, 3) -> the stem and three stages of S/4, S/8 and S/16 pixels, as `Ir50` gives twice as large."""

    def __init__(self, channels: tuple[int, int, int], *, rngs: nnx.Rngs) -> None:
        first, second, third = channels
        self.stem = Layer(3, first // 2, 2, rngs=rngs)
        self.stage1 = Layer(first // 2, first, 2, rngs=rngs)
        self.stage2 = Layer(first, second, 2, rngs=rngs)
        self.stage3 = Layer(second, third, 2, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, Array, Array, Array]:
        stem = self.stem(images)
        first = self.stage1(stem)
        second = self.stage2(first)
        return stem, first, second, self.stage3(second)


class SmallLandmarkNet(nnx.Module):
    """(B, S, S, 3) -> maps of S/8, S/16 and S/32 pixels, as `MobileFaceNet` gives twice as large."""

    def __init__(self, channels: tuple[int, int, int], *, rngs: nnx.Rngs) -> None:
        first, second, third = channels
        self.stem = Layer(3, first // 2, 2, rngs=rngs)
        self.down0 = Layer(first // 2, first, 2, rngs=rngs)
        self.down1 = Layer(first, first, 2, rngs=rngs)
        self.down2 = Layer(first, second, 2, rngs=rngs)
        self.down3 = Layer(second, third, 2, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, Array, Array]:
        first = self.down1(self.down0(self.stem(images)))
        second = self.down2(first)
        return first, second, self.down3(second)


class TokenTransformer(nnx.Module):
    """Tokens (B, N - 1, width) -> the class token after all blocks (B, width)."""

    def __init__(self, shape: Shape, *, rngs: nnx.Rngs) -> None:
        self.class_token = nnx.Param(_start(rngs.params(), (1, 1, shape.width)))
        self.positions = nnx.Param(_start(rngs.params(), (1, shape.tokens, shape.width)))
        blocks = [Block(shape.width, shape.token_heads, _EPSILON, rngs=rngs) for _ in range(shape.depth)]
        self.blocks = nnx.List(blocks)
        self.norm = LayerNorm(shape.width, _EPSILON)

    def __call__(self, tokens: Array) -> Array:
        first = jnp.broadcast_to(self.class_token[...], (tokens.shape[0], 1, tokens.shape[-1]))
        tokens = jnp.concatenate([first, tokens], 1) + self.positions[...]
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens[:, 0])


class Extractor(nnx.Module):
    """Preprocessed faces (B, inside, inside, 3) -> embeddings (B, width) and named maps.

    `attended0` ... `attended2`: outputs of the cross-attention, finest first; `tokens` (B, N - 1, width).
    """

    def __init__(self, shape: Shape, *, rngs: nnx.Rngs) -> None:
        self.landmark: SmallLandmarkNet | MobileFaceNet
        self.image: SmallImageNet | Ir50
        if shape.small:
            self.landmark = SmallLandmarkNet(shape.channels, rngs=rngs)
            self.image = SmallImageNet(shape.channels, rngs=rngs)
        else:
            self.landmark = MobileFaceNet(rngs=rngs)
            self.image = Ir50(rngs=rngs)
        first, second, third = shape.channels
        self.landmark_last = Convolution(shape.landmarks, third, rngs=rngs)
        self.shrinks = nnx.List([Convolution(width, width, rngs=rngs) for width in shape.channels])
        edges = (shape.inside // (shape.finest * part) for part in (1, 2, 4))
        levels = zip(shape.channels, edges, shape.heads, DROP_RATES, strict=True)
        self.attentions = nnx.List(
            [CrossAttention(width, edge, heads, rate, rngs=rngs) for width, edge, heads, rate in levels]
        )
        self.embed_first = Convolution(first, shape.width, rngs=rngs)
        self.embed0 = Convolution(shape.width, shape.width, rngs=rngs)
        self.embed1 = Convolution(second, shape.width, rngs=rngs)
        self.embed2 = Pointwise(third, shape.width, rngs=rngs)
        self.transformer = TokenTransformer(shape, rngs=rngs)
        self.squeeze = Dense(shape.width, shape.width, rngs=rngs)
        self.excite = Dense(shape.width, shape.width, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        *fine, coarse = self.landmark(images)
        landmarks = (*fine, self.landmark_last(coarse, 1, 1))
        stages = self.image(images)[1:]
        halves = [shrink(stage, 2, 1) for shrink, stage in zip(self.shrinks, stages, strict=True)]
        levels = zip(self.attentions, halves, landmarks, strict=True)
        joint_maps = [attention(image, landmark) for attention, image, landmark in levels]
        level_maps = (
            self.embed0(self.embed_first(joint_maps[0], 2, 1), 2, 1),
            self.embed1(joint_maps[1], 2, 1),
            self.embed2(joint_maps[2]),
        )
        batch = images.shape[0]
        tokens = jnp.concatenate([maps.reshape(batch, -1, maps.shape[-1]) for maps in level_maps], 1)
        token = self.transformer(tokens)
        embedding = token * jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(token))))
        joint = {f"attended{level}": maps for level, maps in enumerate(joint_maps)}
        return embedding, {**joint, "tokens": tokens}
