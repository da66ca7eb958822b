"""Interventions: what is changed about a face while all else stays as it is.

To add one, write a frozen dataclass that satisfies `Intervention` and enter it in `REGISTRY`.
"""

from collections.abc import Callable
from typing import Any

from jaxface.core.errors import ConfigError, suggestion
from jaxface.interventions._pictures import grid, image, images, render, render_many
from jaxface.interventions.protocol import Axis, Intervention, Wording
from jaxface.interventions.symmetry import Symmetry

REGISTRY: dict[str, Callable[..., Intervention]] = {Symmetry.name: Symmetry}
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
    return kind(**settings)


__all__ = [
    "REGISTRY",
    "Axis",
    "Intervention",
    "Symmetry",
    "Wording",
    "build",
    "grid",
    "image",
    "images",
    "render",
    "render_many",
]
