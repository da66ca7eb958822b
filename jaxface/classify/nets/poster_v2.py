"""POSTER++, also called POSTER V2 (Mao et al. 2023, arXiv:2301.12149).

Landmarks attend to the face at three sizes, a transformer joins them. Written from the paper and from the
layout of its checkpoints.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets import attention, face_backbones
from jaxface.classify.nets.attention import Block, WindowCrossAttention
from jaxface.classify.nets.face_backbones import Ir50, MobileFaceNet
from jaxface.classify.nets.layers import Convolution, Dense, LayerNorm, Pointwise, in_turn
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

WIDTH = 768  # of the tokens
TOKENS = 1 + 3 * 49
EPSILON = 1e-6  # of the transformer's LayerNorm; the windows have another

TORCH = TorchLayout(
    rename=(
        (r"^face_landback\.", "landmark."),
        (r"^last_face_conv\.", "landmark_last."),
        (r"^ir_back\.", "image."),
        (r"^conv1\.", "shrink28."),
        (r"^conv2\.", "shrink14."),
        (r"^conv3\.", "shrink7."),
        *numbered("^embed_q", "", {0: "embed28_first", 1: "embed28"}),
        (r"^embed_k\.0\.", "embed14."),
        (r"^embed_v\.proj\.", "embed7."),
        (r"^ffn([123])\.norm\.", r"ffn\1.mlp_norm."),
        (r"^(?:window|attn|ffn)1\.", "attention28."),
        (r"^(?:window|attn|ffn)2\.", "attention14."),
        (r"^(?:window|attn|ffn)3\.", "attention7."),
        (r"\.relative_position_bias_table$", ".position_bias"),
        (r"^(attention\d+)\.qkv\.", r"\1.key_value."),
        (r"\.gamma1$", ".attention_scale"),
        (r"\.gamma2$", ".mlp_scale"),
        (r"^VIT\.se_block\.linear1\.", "squeeze."),
        (r"^VIT\.se_block\.linear2\.", "excite."),
        (r"^VIT\.head\.linear\.", "head."),
        (r"^VIT\.cls_token$", "transformer.class_token"),
        (r"^VIT\.pos_embed$", "transformer.positions"),
        (r"^VIT\.", "transformer."),
        *attention.TORCH_NAMES,
        *face_backbones.MOBILE_FACENET_NAMES,
        *face_backbones.IR50_NAMES,
    ),
    ignored_keys=(
        r"(face_landback|ir_back)\.output_layer\.",
        r"VIT\.(patch_embed|CON1|IRLinear1|IRLinear2|eca_block)\.",
        r"VIT\.blocks\.\d+\.conv\.",
    ),
)
"""Ignored: the backbones' own heads, and layers for another variant of the transformer."""


class TokenTransformer(nnx.Module):
    """Tokens (B, 147, 768) -> the final class token (B, 768)."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.class_token = nnx.Param(jnp.zeros((1, 1, WIDTH)))
        self.positions = nnx.Param(jnp.zeros((1, TOKENS, WIDTH)))
        self.blocks = nnx.List([Block(WIDTH, 8, EPSILON, rngs=rngs) for _ in range(2)])
        self.norm = LayerNorm(WIDTH, EPSILON)

    def __call__(self, tokens: Array) -> Array:
        first = jnp.broadcast_to(self.class_token[...], (len(tokens), 1, WIDTH))
        tokens = jnp.concatenate([first, tokens], 1) + self.positions[...]
        return self.norm(in_turn(self.blocks, tokens)[:, 0])


class PosterV2(nnx.Module):
    """(B, 224, 224, 3) -> logits (B, K) and named maps.

    `stem` and `stage1` ... `stage3` of the image's backbone; `landmark28`, `landmark14`, `landmark7` of the
    other; `attended28`, `attended14`, `attended7` where both met; `tokens` (B, 147, 768), `embedding` (B, 768).
    """

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.landmark = MobileFaceNet(rngs=rngs)
        self.landmark_last = Convolution(512, 256, rngs=rngs)
        self.image = Ir50(rngs=rngs)
        self.shrink28 = Convolution(64, 64, rngs=rngs)
        self.shrink14 = Convolution(128, 128, rngs=rngs)
        self.shrink7 = Convolution(256, 256, rngs=rngs)
        self.attention28 = WindowCrossAttention(64, 28, 2, rngs=rngs)
        self.attention14 = WindowCrossAttention(128, 14, 4, rngs=rngs)
        self.attention7 = WindowCrossAttention(256, 7, 8, rngs=rngs)
        self.embed28_first = Convolution(64, WIDTH, rngs=rngs)
        self.embed28 = Convolution(WIDTH, WIDTH, rngs=rngs)
        self.embed14 = Convolution(128, WIDTH, rngs=rngs)
        self.embed7 = Pointwise(256, WIDTH, rngs=rngs)
        self.transformer = TokenTransformer(rngs=rngs)
        self.squeeze = Dense(WIDTH, WIDTH, rngs=rngs)
        self.excite = Dense(WIDTH, WIDTH, rngs=rngs)
        self.head = Dense(WIDTH, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        half = images[:, ::2, ::2]  # both backbones see 112 pixels, nearest neighbours of 224
        landmark28, landmark14, landmark7 = self.landmark(half)
        landmarks = landmark28, landmark14, self.landmark_last(landmark7, 1, 1)
        stem, *stages = self.image(half)
        taps = {"stem": stem} | {f"stage{number}": stage for number, stage in enumerate(stages, 1)}
        levels = []
        for edge, stage, landmark in zip((28, 14, 7), stages, landmarks, strict=True):
            shrink, attention = getattr(self, f"shrink{edge}"), getattr(self, f"attention{edge}")
            levels.append(attention(shrink(stage, 2, 1), landmark))
            taps |= {f"landmark{edge}": landmark, f"attended{edge}": levels[-1]}
        maps = (
            self.embed28(self.embed28_first(levels[0], 2, 1), 2, 1),
            self.embed14(levels[1], 2, 1),
            self.embed7(levels[2]),
        )
        tokens = jnp.concatenate([level.reshape(-1, 49, WIDTH) for level in maps], 1)
        token = self.transformer(tokens)
        embedding = token * jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(token))))
        return self.head(embedding), taps | {"tokens": tokens, "embedding": embedding}
