from .age_sex import age_and_sex, load_age_net
from .config import DetectConfig
from .detection import Nets, as_image, bounded, detect, detect_many, load_nets
from .faces import FaceError, Faces

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
