"""Interventions: what is changed about a face while all else stays as it is.

To add one, write a frozen dataclass that satisfies `Intervention` and enter it in `REGISTRY`.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from jaxface.core.config import from_dict
from jaxface.core.errors import ConfigError, suggestion
from jaxface.interventions._base import Held
from jaxface.interventions._pictures import grid, image, images, render, render_many
from jaxface.interventions.age import Age
from jaxface.interventions.blur import Blur
from jaxface.interventions.brightness import Brightness
from jaxface.interventions.crop import Crop
from jaxface.interventions.distance import Distance
from jaxface.interventions.given import Given
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


_AT = re.compile(r"(\w+) at (\w+) (\S+)")


def build(name: str, **settings: Any) -> Intervention:
    """Return the intervention of this name, with the settings of its `description()`.

    Args:
        name: a key of `REGISTRY`; or such as "symmetry at skin_tone -1", one on faces that another holds.
        settings: fields of its class, such as `side`, or `**{"symmetry.side": "right"}` for one of two.

    Raises:
        ConfigError: there is no intervention of this name, or it has no such setting.
    """
    if match := _AT.fullmatch(name):
        try:
            level = float(match[3])
        except ValueError:
            raise ConfigError(f"intervention = {name!r}: {match[3]!r} is not a level") from None
        names = parts(name)
        change, condition = (build(part, **own_settings(part, settings, names)) for part in names)
        return Given(change, cast(Held, condition), level)
    if name not in REGISTRY:
        raise ConfigError(f"intervention = {name!r}{suggestion(name, REGISTRY)}")
    kind = REGISTRY[name]
    settings = own_settings(name, settings, [name])
    fields = setting_names(name)
    for setting in settings:
        if setting not in fields:
            raise ConfigError(f"{name}.{setting}{suggestion(setting, fields)}")
    if dataclasses.is_dataclass(kind):
        return cast(Intervention, from_dict(cast(type, kind), settings, where=f"{name}."))
    return kind(**settings)


def setting_names(name: str) -> tuple[str, ...]:
    """Return the settings that an intervention of the registry takes; of another name, none."""
    return tuple(getattr(REGISTRY.get(name), "__dataclass_fields__", ()))


def parts(name: str) -> tuple[str, ...]:
    """Return the interventions in a name that `build` takes: one, or the change and what is held."""
    match = _AT.fullmatch(name)
    return (name,) if match is None else (match[1], match[2])


def own_settings(name: str, settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the settings, of those of several interventions, that are meant for one of them.

    "yaw.largest" is meant for yaw; "steps" for each that has such a setting, but for the only one anyway.

    Args:
        names: of all the interventions that the settings are for.

    Raises:
        ConfigError: a setting is meant for none of them.
    """
    fields = {each: setting_names(each) for each in names}
    result = {}
    for key, value in settings.items():
        owner, _, setting = key.rpartition(".")
        if owner and owner not in names:
            raise ConfigError(f"{key}: no such intervention in this audit{suggestion(owner, names)}")
        if not owner and len(names) > 1 and not any(setting in each for each in fields.values()):
            raise ConfigError(f"{key}: a setting of none of {', '.join(names)}")
        if owner == name or (not owner and (len(names) == 1 or setting in fields[name])):
            result[setting] = value
    return result


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
    "grid",
    "image",
    "images",
    "own_settings",
    "parts",
    "render",
    "render_many",
    "setting_names",
]
