"""Learning frameworks: what trains a network whose answers can then be audited.

Each is a folder of its own with `config`, `networks`, `losses` and `train`, and one `FRAMEWORK`; what they
share is in `common`. They are imported when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from jaxface.core.errors import ConfigError, suggestion

if TYPE_CHECKING:
    from jaxface.frameworks.common.framework import Framework

__all__ = ["REGISTRY", "Framework", "load"]

REGISTRY: dict[str, str] = {
    "causal_affect": "CausalAffect: signed causal graphs among action units and on to expressions",
    "classifier": "one of the classifiers' architectures, with cross-entropy or its authors' recipe",
    "grefel": "GReFEL: anchors correct what the network answers; and cross-entropy, POSTER++ and SCN beside it",
    "pm2": "PM2: action units from paired synthetic faces, fair between the sexes; and DAN to M3SDA beside it",
    "thin": "an ensemble gated by an exogenous variable, such as identity, which a loss removes (THIN)",
}
"""Name of each framework, which is its module here too -> what it is, in a line."""


def load(name: str) -> Framework:
    """The framework of this name.

    Raises:
        ConfigError: no such framework; the message suggests the closest.
    """
    if name not in REGISTRY:
        raise ConfigError(f"unknown framework {name!r}{suggestion(name, REGISTRY)}")
    return importlib.import_module(f"jaxface.frameworks.{name}").FRAMEWORK
