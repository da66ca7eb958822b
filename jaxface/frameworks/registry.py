"""Frameworks by name, and what each can be told."""

import pkgutil
from typing import TYPE_CHECKING

from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.registry import Registry
from jaxface.frameworks.common.config import Tables

if TYPE_CHECKING:
    from jaxface.frameworks.common.framework import Framework

_DESCRIPTIONS = {
    "causal_affect": "CausalAffect: signed causal graphs among action units, and from them to expressions",
    "classifier": "one of the classifiers' architectures, with cross-entropy or its authors' recipe",
    "grefel": "GReFEL: anchors correct predictions under noisy labels; and cross-entropy, POSTER++, SCN",
    "pm2": "PM2: action units from paired synthetic faces, with matched error rates for women and men",
    "thin": "an ensemble gated by an exogenous variable, such as identity, which a loss removes (THIN)",
}

REGISTRY: Registry["Framework"] = Registry(
    "jaxface.frameworks",
    {name: (f"{name}.train:FRAMEWORK", text) for name, text in _DESCRIPTIONS.items()},
)
"""Frameworks by name, which is also the name of their package here."""


def load(name: str) -> "Framework":
    """Load the framework of this name.

    Raises:
        ConfigError: no such framework; the message suggests the closest.
    """
    _require_framework(name)
    return REGISTRY[name]


def load_tables(name: str) -> Tables:
    """Load what a framework can be told, without the framework; errors as of `load`."""
    _require_framework(name)
    tables: Tables = pkgutil.resolve_name(f"jaxface.frameworks.{name}.config:TABLES")
    return tables


def _require_framework(name: str) -> None:
    if name not in REGISTRY:
        raise ConfigError(f"unknown framework {name!r}{suggestion(name, REGISTRY)}")
