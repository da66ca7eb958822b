"""ResNet-18 with its head (He et al. 2015, arXiv:1512.03385): a backbone of the training frameworks."""

from flax import nnx

from jaxface.classify.nets.layers import Dense
from jaxface.classify.nets.residual import BLOCK_KEYS, WIDTHS, ResNet
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.types import Array

TORCH = TorchLayout(
    rename=(
        (r"^conv1\.", "backbone.conv."),
        (r"^bn1\.", "backbone.norm."),
        *((rf"^layer{stage + 1}\.", f"backbone.stages.{stage}.layers.") for stage in range(4)),
        *BLOCK_KEYS,
        (r"^fc\.", "head."),
    )
)
"""Of torchvision's and timm's files."""


class ResNet18(nnx.Module):
    """(B, H, W, 3) -> logits (B, K) and the maps `stem`, `stage1` ... `stage4`, `embedding` (B, 512)."""

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.backbone = ResNet((2, 2, 2, 2), rngs=rngs)
        self.head = Dense(WIDTHS[-1], classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps, taps = self.backbone(images)
        taps["embedding"] = maps.mean((1, 2))
        return self.head(taps["embedding"]), taps
