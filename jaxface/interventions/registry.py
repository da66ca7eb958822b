"""Interventions by name, and how one is built from a name and its settings."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from jaxface.core.config import from_dict
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.registry import Registry

if TYPE_CHECKING:
    from jaxface.interventions._base import Held
    from jaxface.interventions.protocol import Intervention

REGISTRY: Registry[Callable[..., "Intervention"]] = Registry(
    "jaxface.interventions",
    {
        "symmetry": ("symmetry:Symmetry", "one side's share of the expression"),
        "palsy": ("palsy:Palsy", "a facial palsy of one side, by House-Brackmann grade"),
        "skin_tone": ("skin_tone:SkinTone", "skin from dark to light"),
        "age": ("age:Age", "the shape of a younger or an older face"),
        "sex": ("sex:Sex", "the shape of a female or a male face"),
        "hair": ("hair:Hair", "the length of hair"),
        "yaw": ("yaw:Yaw", "the head turned to one side"),
        "pitch": ("pitch:Pitch", "the head raised or lowered"),
        "roll": ("roll:Roll", "the head tilted towards a shoulder"),
        "light": ("light:Light", "light from everywhere to one side"),
        "brightness": ("brightness:Brightness", "exposure of the face"),
        "distance": (
            "distance:Distance",
            "the camera near or far, at one size of the face",
        ),
        "crop": ("crop:Crop", "how tightly the face is cut out"),
        "blur": ("blur:Blur", "a lens out of focus"),
        "noise": ("noise:Noise", "noise of a sensor"),
        "jpeg": ("jpeg:Jpeg", "lossy compression"),
        "resolution": ("resolution:Resolution", "fewer pixels, enlarged again"),
        "grey": ("grey:Grey", "the colours taken out"),
        "occlusion": ("occlusion:Occlusion", "a part of the face behind something grey"),
        "null": ("null:Null", "changes that must not matter, as a floor for all others"),
    },
)
"""Interventions by name; called with their settings by keyword."""


_AT = re.compile(r"(\w+) at (\w+) (\S+)")


def build(name: str, **settings: Any) -> "Intervention":
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
        from jaxface.interventions.given import Given

        names = parts(name)
        change, condition = (build(part, **own_settings(part, settings, names)) for part in names)
        return Given(change, cast("Held", condition), level)
    require_known(name)
    kind = REGISTRY[name]
    settings = own_settings(name, settings, [name])
    fields = setting_names(name)
    for setting in settings:
        if setting not in fields:
            raise ConfigError(f"{name}.{setting}{suggestion(setting, fields)}")
    if dataclasses.is_dataclass(kind):
        return cast("Intervention", from_dict(cast(type, kind), settings, where=f"{name}."))
    return kind(**settings)


def require_known(name: str) -> None:
    """Raise ConfigError unless the registry has an intervention of this name."""
    if name not in REGISTRY:
        raise ConfigError(f"intervention = {name!r}{suggestion(name, REGISTRY)}")


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
