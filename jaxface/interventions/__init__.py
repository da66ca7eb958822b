"""Interventions: what is changed about a face while all else stays as it is.

To add one, write a frozen dataclass that satisfies `Intervention` and enter it in `REGISTRY`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, cast

from jaxface.core.config import from_dict
from jaxface.core.errors import ConfigError, suggestion
from jaxface.interventions._pictures import grid, image, images, render, render_many
from jaxface.interventions.age import Age
from jaxface.interventions.blur import Blur
from jaxface.interventions.brightness import Brightness
from jaxface.interventions.crop import Crop
from jaxface.interventions.distance import Distance
from jaxface.interventions.grey import Grey
from jaxface.interventions.hair import Hair
from jaxface.interventions.jpeg import Jpeg
from jaxface.interventions.light import Light
from jaxface.interventions.noise import Noise
from jaxface.interventions.null import Null
from jaxface.interventions.occlusion import Occlusion
from jaxface.interventions.palsy import Palsy
from jaxface.interventions.pitch import Pitch
from jaxface.interventions.protocol import Axis, Intervention, WholeGrid, Wording
from jaxface.interventions.resolution import Resolution
from jaxface.interventions.roll import Roll
from jaxface.interventions.sex import Sex
from jaxface.interventions.skin_tone import SkinTone
from jaxface.interventions.symmetry import Symmetry
from jaxface.interventions.yaw import Yaw

_KINDS: tuple[Any, ...] = (
    Symmetry,
    Palsy,
    SkinTone,
    Age,
    Sex,
    Hair,
    Yaw,
    Pitch,
    Roll,
    Light,
    Brightness,
    Distance,
    Crop,
    Blur,
    Noise,
    Jpeg,
    Resolution,
    Grey,
    Occlusion,
    Null,
)
REGISTRY: dict[str, Callable[..., Intervention]] = {kind.name: kind for kind in _KINDS}
"""Interventions by name; called with their settings by keyword."""


def build(name: str, **settings: Any) -> Intervention:
    """Return the intervention of this name, with the settings of its `description()`.

    Args:
        settings: fields of its class, such as `side`.

    Raises:
        ConfigError: there is no intervention of this name, or it has no such setting.
    """
    if name not in REGISTRY:
        raise ConfigError(f"intervention = {name!r}{suggestion(name, REGISTRY)}")
    kind = REGISTRY[name]
    fields = getattr(kind, "__dataclass_fields__", {})
    for setting in settings:
        if setting not in fields:
            raise ConfigError(f"{name}.{setting}{suggestion(setting, fields)}")
    if dataclasses.is_dataclass(kind):
        return cast(Intervention, from_dict(cast(type, kind), settings, where=f"{name}."))
    return kind(**settings)


__all__ = [
    "REGISTRY",
    "Age",
    "Axis",
    "Blur",
    "Brightness",
    "Crop",
    "Distance",
    "Grey",
    "Hair",
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
    "grid",
    "image",
    "images",
    "render",
    "render_many",
]
