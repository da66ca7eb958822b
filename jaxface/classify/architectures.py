"""The table of architectures: builder, PyTorch layout and preprocessing of each net."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from flax import nnx

from jaxface.classify.card import Preprocessing
from jaxface.classify.nets import (
    convnext,
    dan,
    ddamfn,
    efficientnet,
    emonext,
    face_api,
    mini_xception,
    poster_v2,
    residual,
    residual_masking,
    segmentation_vgg,
    swin,
    vgg,
)
from jaxface.classify.nets.torch_layout import TorchLayout

IMAGENET = Preprocessing(size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), antialias=True)
"""RGB, resized by Pillow (which widens its filter), in ImageNet's statistics."""

GREY = Preprocessing(size=224, channels="grey3")
"""Luma on all three channels in [0, 1], resized by OpenCV (which does not widen its filter)."""

VGGFACE = Preprocessing(size=224, channels="bgr", value_range=255.0, mean=(93.5940, 104.7624, 129.1863))
"""Blue, green, red in 0..255, minus the mean of its faces, in that order."""


@dataclass(frozen=True)
class Architecture:
    """One of the nets.

    Attributes:
        net: `net(classes, rngs=...)`: a module that returns (logits, named maps).
        torch: the layout of its PyTorch checkpoints; None where none is known.
        preprocessing: for models without a card of their own; None = only the card of the model knows.
        array_key: our name of an array -> its name in a format other than PyTorch's.
        cpu_batch: images in one batch on the CPU.
    """

    net: Callable[..., nnx.Module]
    torch: TorchLayout | None = None
    preprocessing: Preprocessing | None = None
    array_key: Callable[[str], str] | None = None
    cpu_batch: int = 1


ARCHITECTURES: dict[str, Architecture] = {
    "convnext-b": Architecture(
        partial(convnext.ConvNext, depths=(3, 3, 27, 3), width=128),
        convnext.TORCH,
        replace(IMAGENET, resize_to=256, resize="bicubic"),
    ),
    "dan": Architecture(dan.Dan, dan.TORCH, IMAGENET),
    "ddamfn": Architecture(ddamfn.Ddamfn, ddamfn.TORCH, replace(IMAGENET, size=112)),
    **{
        f"emonext-{size}": Architecture(
            partial(emonext.EmoNext, size=size),
            emonext.TORCH,
            replace(GREY, resize_to=236, antialias=True),
        )
        for size in emonext.SIZES
    },
    "face-api": Architecture(face_api.FaceApi, array_key=face_api.published_name),
    "fer-mini-xception": Architecture(mini_xception.MiniXception, array_key=mini_xception.published_name),
    "hsemotion-b0": Architecture(efficientnet.EfficientNet, efficientnet.TORCH, IMAGENET),
    "hsemotion-b2": Architecture(
        partial(efficientnet.EfficientNet, width=1.1, depth=1.2),
        efficientnet.TORCH,
        replace(IMAGENET, size=260),
    ),
    "poster-v2": Architecture(poster_v2.PosterV2, poster_v2.TORCH, IMAGENET),
    "resmasking": Architecture(residual_masking.ResidualMaskingNet, residual_masking.TORCH, GREY, cpu_batch=4),
    "resnet18": Architecture(residual.ResNet18, residual.TORCH, replace(IMAGENET, resize_to=256)),
    "segvgg19": Architecture(segmentation_vgg.SegmentationVgg19, segmentation_vgg.TORCH, GREY),
    "swin-b": Architecture(swin.Swin, swin.TORCH, replace(IMAGENET, resize_to=248, resize="bicubic")),
    "vgg16-face": Architecture(vgg.Vgg16, vgg.TORCH, VGGFACE, cpu_batch=4),
}
