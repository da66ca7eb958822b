"""ResidualMaskingNet: a ResNet-34 with a masking block after each stage, on 224 x 224 grey x 3.

Pham, Vu & Tran 2020, "Facial Expression Recognition Using Residual Masking Network", ICPR 2020.
"""

from flax import nnx

from jaxface.classify.nets.layers import Dense, Dropout
from jaxface.classify.nets.masking import Masking, masked, masking_keys
from jaxface.classify.nets.residual import BLOCK_KEYS, WIDTHS, ResNet
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.types import Array

DEPTHS = (4, 3, 2, 1)  # of the masking blocks

TORCH = TorchLayout(
    rename=(
        *(key for stage, depth in enumerate(DEPTHS) for key in masking_keys("mask", stage + 1, stage, depth)),
        (r"^conv1\.", "backbone.conv."),
        (r"^bn1\.", "backbone.norm."),
        *((rf"^layer{stage + 1}\.", f"backbone.stages.{stage}.layers.") for stage in range(4)),
        (r"^fc\.1\.", "head."),
        *BLOCK_KEYS,
    ),
    ignored_keys=(r"mask\d\.downsample\d\.",),  # the shortcuts of the masks' blocks, saved a second time
)


class ResidualMaskingNet(nnx.Module):
    """(B, 224, 224, 3) -> logits (B, K) and maps.

    These are `stem`, `stage1` ... `stage4` before the masks, `mask1` ... `mask4` of the same shapes,
    `embedding` (B, 512).
    """

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.backbone = ResNet((3, 4, 6, 3), rngs=rngs)
        self.masks = nnx.List(
            [Masking(width, depth, rngs=rngs) for width, depth in zip(WIDTHS, DEPTHS, strict=True)]
        )
        self.dropout = Dropout(0.4)
        self.head = Dense(WIDTHS[-1], classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps = self.backbone.stem(images)
        taps = {"stem": maps}
        for number, (stage, mask) in enumerate(zip(self.backbone.stages, self.masks, strict=True), 1):
            maps = taps[f"stage{number}"] = stage(maps)
            taps[f"mask{number}"] = mask(maps)
            maps = masked(maps, taps[f"mask{number}"])
        taps["embedding"] = maps.mean((1, 2))
        return self.head(self.dropout(taps["embedding"])), taps
