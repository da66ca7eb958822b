"""Photographs: find the faces in them, and their landmarks.

`detect` takes one picture, `detect_many` several; `load_nets` loads the nets once for many calls. What needs
the nets is imported when first touched.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxface.photos.config import DetectConfig

if TYPE_CHECKING:
    from jaxface.photos.age_sex import age_and_sex, load_age_net
    from jaxface.photos.detection import Nets, as_image, bounded, detect, detect_many, load_nets
    from jaxface.photos.faces import FaceError, Faces

__all__ = [
    "DetectConfig",
    "FaceError",
    "Faces",
    "Nets",
    "age_and_sex",
    "as_image",
    "bounded",
    "detect",
    "detect_many",
    "load_age_net",
    "load_nets",
]

_HOMES = {"FaceError": "faces", "Faces": "faces", "age_and_sex": "age_sex", "load_age_net": "age_sex"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(f"jaxface.photos.{_HOMES.get(name, 'detection')}"), name)
    raise AttributeError(f"module 'jaxface.photos' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
