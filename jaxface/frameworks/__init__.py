"""Learning frameworks: train a network that can then be audited, and evaluate any network on a data set.

Each framework is a folder of its own with `config`, `networks` and `train`, and one `FRAMEWORK`;
what they share is in `common`. They are imported when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxface.core.errors import ConfigError, suggestion
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig

if TYPE_CHECKING:
    from jaxface.frameworks.common.framework import Framework
    from jaxface.frameworks.common.log_writers import LogWriter, TensorBoardWriter
    from jaxface.frameworks.common.networks import evaluate, input_size, load_network
    from jaxface.frameworks.common.training import train

__all__ = [
    "REGISTRY",
    "Framework",
    "LogWriter",
    "OptimizerConfig",
    "TensorBoardWriter",
    "TrainConfig",
    "evaluate",
    "input_size",
    "load",
    "load_network",
    "train",
]

REGISTRY: dict[str, str] = {
    "causal_affect": "CausalAffect: signed causal graphs among action units, and from them to expressions",
    "classifier": "one of the classifiers' architectures, with cross-entropy or its authors' recipe",
    "grefel": "GReFEL: anchors correct predictions under noisy labels; and cross-entropy, POSTER++, SCN",
    "pm2": "PM2: action units from paired synthetic faces, with matched error rates for women and men",
    "thin": "an ensemble gated by an exogenous variable, such as identity, which a loss removes (THIN)",
}
"""Name of each framework, which is also its module here -> a description in a line."""

_MODULES = {
    "Framework": "framework",
    "LogWriter": "log_writers",
    "TensorBoardWriter": "log_writers",
    "evaluate": "networks",
    "input_size": "networks",
    "load_network": "networks",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'jaxface.frameworks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"jaxface.frameworks.common.{_MODULES[name]}"), name)


def load(name: str) -> "Framework":
    """Load the framework of this name.

    Raises:
        ConfigError: no such framework; the message suggests the closest.
    """
    if name not in REGISTRY:
        raise ConfigError(f"unknown framework {name!r}{suggestion(name, REGISTRY)}")
    framework: Framework = importlib.import_module(f"jaxface.frameworks.{name}").FRAMEWORK
    return framework
