"""EmoNeXt: a spatial transformer before a ConvNeXt with squeeze and excitation between its stages
(El Boudouri and Bohi 2023, arXiv:2501.08199). Written from the paper and from the layout of its checkpoints.
"""

import jax
from flax import nnx

from jaxface.classify.nets.convnext import ConvNext, Downsample
from jaxface.classify.nets.layers import Dense
from jaxface.classify.nets.spatial_transformer import SpatialTransformer
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.types import Array

SIZES: dict[str, tuple[tuple[int, int, int, int], int]] = {
    "tiny": ((3, 3, 9, 3), 96),
    "small": ((3, 3, 27, 3), 96),
    "base": ((3, 3, 27, 3), 128),
    "large": ((3, 3, 27, 3), 192),
}
"""Blocks in each stage and channels of the first, as in ConvNeXt."""

TORCH = TorchLayout(
    rename=(
        (r"^localization\.0\.", "transformer.first."),
        (r"^localization\.1\.", "transformer.first_norm."),
        (r"^localization\.4\.", "transformer.second."),
        (r"^localization\.5\.", "transformer.second_norm."),
        (r"^fc_loc\.0\.", "transformer.hidden."),
        (r"^fc_loc\.2\.", "transformer.affine."),
        (r"^downsample_layers\.0\.0\.", "body.entries.0.patches."),
        (r"^downsample_layers\.0\.1\.", "body.entries.0.norm."),
        (r"^downsample_layers\.(\d)\.0\.", r"body.entries.\1.norm."),
        (r"^downsample_layers\.(\d)\.1\.", r"body.entries.\1.patches."),
        (r"^downsample_layers\.(\d)\.2\.fc\.0\.", r"body.entries.\1.gate.squeeze."),
        (r"^downsample_layers\.(\d)\.2\.fc\.2\.", r"body.entries.\1.gate.excite."),
        (r"^(stages|norm|head)\.", r"body.\1."),
        (r"\.dwconv\.", ".depthwise."),
        (r"\.pwconv1\.", ".expand."),
        (r"\.pwconv2\.", ".project."),
        (r"\.gamma$", ".scale"),
    ),
    ignored_keys=(r"attention\.",),
    flatten_shapes={"transformer.hidden": (10, 52, 52)},
)
"""Ignored: the attention, which is part of the training loss alone."""


class SqueezeExcitation(nnx.Module):
    """Multiply each channel by a gate from the means of all channels (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, channels: int, reduction: int = 16, *, rngs: nnx.Rngs) -> None:
        self.squeeze = Dense(channels, channels // reduction, bias=False, rngs=rngs)
        self.excite = Dense(channels // reduction, channels, bias=False, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        gate = jax.nn.sigmoid(self.excite(jax.nn.relu(self.squeeze(maps.mean((1, 2))))))
        return maps * gate[:, None, None]


class GatedDownsample(Downsample):
    """ConvNeXt's, gated."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        super().__init__(width, rngs=rngs)
        self.gate = SqueezeExcitation(2 * width, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        return self.gate(super().__call__(maps))


class EmoNext(nnx.Module):
    """(B, 224, 224, 3) in [0, 1] -> logits (B, K) and the maps of `ConvNext`, `warped` (B, 224, 224, 3) and
    `affine` (B, 2, 3) of the spatial transformer."""

    def __init__(self, classes: int, *, size: str, rngs: nnx.Rngs) -> None:
        depths, width = SIZES[size]
        self.transformer = SpatialTransformer(rngs=rngs)
        self.body = ConvNext(classes, depths=depths, width=width, downsample=GatedDownsample, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        warped_images, affine = self.transformer(images)
        logits, taps = self.body(warped_images)
        return logits, {**taps, "warped": warped_images, "affine": affine}
