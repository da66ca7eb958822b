"""Photographs: find the faces in them, and their landmarks.

`detect` takes one picture, `detect_many` several; `load_nets` loads the nets once for many calls.
"""

from jaxface.photos.config import DetectConfig
from jaxface.photos.detection import Nets, as_image, bounded, detect, detect_many, load_nets
from jaxface.photos.faces import FaceError, Faces

__all__ = [
    "DetectConfig",
    "FaceError",
    "Faces",
    "Nets",
    "as_image",
    "bounded",
    "detect",
    "detect_many",
    "load_nets",
]
