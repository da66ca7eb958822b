"""The table of architectures: builder, PyTorch layout and preprocessing of each net."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from jaxface.classify.card import Preprocessing

if TYPE_CHECKING:
    from flax import nnx

    from jaxface.classify.nets.torch_layout import TorchLayout

_NETS = "jaxface.classify.nets"

IMAGENET = Preprocessing(size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), antialias=True)
"""RGB, resized by Pillow (which widens its filter), in ImageNet's statistics."""

GREY = Preprocessing(size=224, channels="grey3")
"""Luma on all three channels in [0, 1], resized by OpenCV (which does not widen its filter)."""

VGGFACE = Preprocessing(size=224, channels="bgr", value_range=255.0, mean=(93.5940, 104.7624, 129.1863))
"""Blue, green, red in 0..255, minus the mean of its faces, in that order."""


@dataclass(frozen=True)
class Architecture:
    """One of the nets; its module is imported when the net is built.

    Attributes:
        builder: "package.module:Class". The module has `TORCH`, the layout of its PyTorch checkpoints, or
            `published_name`: our name of an array -> its name in another format.
        preprocessing: for models without a card of their own; None = only the card of the model knows.
        cpu_batch: images in one batch on the CPU.
        options: of the builder.
    """

    builder: str
    preprocessing: Preprocessing | None = None
    cpu_batch: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def net(self) -> "Callable[..., nnx.Module]":
        """`net(classes, rngs=...)`: a module that returns (logits, named maps)."""
        return partial(getattr(self._module, self.builder.partition(":")[2]), **self.options)

    @property
    def torch(self) -> "TorchLayout | None":
        """The layout of its PyTorch checkpoints; None where none is known."""
        return getattr(self._module, "TORCH", None)

    @property
    def array_key(self) -> Callable[[str], str] | None:
        """Our name of an array -> its name in a format other than PyTorch's; None where there is none."""
        return getattr(self._module, "published_name", None)

    @property
    def _module(self) -> Any:
        return importlib.import_module(self.builder.partition(":")[0])


ARCHITECTURES: dict[str, Architecture] = {
    "convnext-b": Architecture(
        f"{_NETS}.convnext:ConvNext",
        replace(IMAGENET, resize_to=256, resize="bicubic"),
        options={"depths": (3, 3, 27, 3), "width": 128},
    ),
    "dan": Architecture(f"{_NETS}.dan:Dan", IMAGENET),
    "ddamfn": Architecture(f"{_NETS}.ddamfn:Ddamfn", replace(IMAGENET, size=112)),
    **{
        f"emonext-{size}": Architecture(
            f"{_NETS}.emonext:EmoNext", replace(GREY, resize_to=236, antialias=True), options={"size": size}
        )
        for size in ("tiny", "small", "base", "large")
    },
    "face-api": Architecture(f"{_NETS}.face_api:FaceApi"),
    "fer-mini-xception": Architecture(f"{_NETS}.mini_xception:MiniXception"),
    "hsemotion-b0": Architecture(f"{_NETS}.efficientnet:EfficientNet", IMAGENET),
    "hsemotion-b2": Architecture(
        f"{_NETS}.efficientnet:EfficientNet",
        replace(IMAGENET, size=260),
        options={"width": 1.1, "depth": 1.2},
    ),
    "poster-v2": Architecture(f"{_NETS}.poster_v2:PosterV2", IMAGENET),
    "resmasking": Architecture(f"{_NETS}.residual_masking:ResidualMaskingNet", GREY, cpu_batch=4),
    "resnet18": Architecture(f"{_NETS}.residual:ResNet18", replace(IMAGENET, resize_to=256)),
    "segvgg19": Architecture(f"{_NETS}.segmentation_vgg:SegmentationVgg19", GREY),
    "swin-b": Architecture(f"{_NETS}.swin:Swin", replace(IMAGENET, resize_to=248, resize="bicubic")),
    "vgg16-face": Architecture(f"{_NETS}.vgg:Vgg16", VGGFACE, cpu_batch=4),
}
