"""Observations of photographs: the paper's Experiment 1, and a cohort with known truth to try it on.

`run` observes a table of photographs, `demonstrate` simulated ones. They are imported when first touched.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxface.audit.observe.config import CohortConfig, CropConfig, ObserveConfig

if TYPE_CHECKING:
    from jaxface.audit.observe.demo import Demonstration, demonstrate
    from jaxface.audit.observe.result import ObserveResult
    from jaxface.audit.observe.runner import run

__all__ = [
    "CohortConfig",
    "CropConfig",
    "Demonstration",
    "ObserveConfig",
    "ObserveResult",
    "demonstrate",
    "run",
]

_HOMES = {"Demonstration": "demo", "ObserveResult": "result", "demonstrate": "demo", "run": "runner"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"jaxface.audit.observe.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'jaxface.audit.observe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
