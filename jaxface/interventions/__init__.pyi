from ._base import Held
from ._pictures import complete_grid, fast_grid, grid, image, images, render, render_many
from .age import Age
from .blur import Blur
from .brightness import Brightness
from .crop import Crop
from .distance import Distance
from .given import Given
from .grey import Grey
from .hair import Hair
from .jpeg import Jpeg
from .light import Light
from .noise import Noise
from .null import Null
from .occlusion import Occlusion
from .palsy import Palsy
from .pitch import Pitch
from .protocol import Axis, Intervention, WholeGrid, Wording
from .registry import REGISTRY, build, own_settings, parts, require_known, setting_names
from .resolution import Resolution
from .roll import Roll
from .sex import Sex
from .skin_tone import SkinTone
from .symmetry import Symmetry
from .yaw import Yaw

__all__ = [
    "REGISTRY",
    "Age",
    "Axis",
    "Blur",
    "Brightness",
    "Crop",
    "Distance",
    "Given",
    "Grey",
    "Hair",
    "Held",
    "Intervention",
    "Jpeg",
    "Light",
    "Noise",
    "Null",
    "Occlusion",
    "Palsy",
    "Pitch",
    "Resolution",
    "Roll",
    "Sex",
    "SkinTone",
    "Symmetry",
    "WholeGrid",
    "Wording",
    "Yaw",
    "build",
    "complete_grid",
    "fast_grid",
    "grid",
    "image",
    "images",
    "own_settings",
    "parts",
    "render",
    "render_many",
    "require_known",
    "setting_names",
]
