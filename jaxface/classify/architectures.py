"""The table of architectures: what builds each net, how PyTorch publishes it, what it was trained to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flax import nnx

from jaxface.classify.nets import emonext, poster_v2
from jaxface.classify.nets.face_api import FaceApi
from jaxface.classify.nets.mini_xception import MiniXception
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


@dataclass(frozen=True)
class Architecture:
    """One of the nets.

    Attributes:
        net: `net(classes, rngs=...)`: a module that gives (logits, named maps).
        torch: how its PyTorch checkpoints relate to it; None where no such are known.
        preprocessing: fields of a `Card`, for models without one of their own.
    """

    net: Callable[..., nnx.Module]
    torch: TorchLayout | None = None
    preprocessing: dict[str, Any] = field(default_factory=dict)


ARCHITECTURES: dict[str, Architecture] = {
    "face-api": Architecture(FaceApi),
    "fer-mini-xception": Architecture(MiniXception),
    "poster-v2": Architecture(poster_v2.PosterV2, poster_v2.TORCH, IMAGENET),
    **{
        f"emonext-{size}": Architecture(partial(emonext.EmoNext, size=size), emonext.TORCH, GREY)
        for size in emonext.SIZES
    },
}
