"""Audits: the same faces at every degree of symmetry, before every classifier, with a verdict.

The config is here at once; what runs and reads audits is imported when first touched, so that a command
line which only wants its flags does not wait for xarray and zarr.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jaxface.audit.config import AuditConfig
from jaxface.audit.interventions import Intervention

if TYPE_CHECKING:
    from jaxface.audit import observe
    from jaxface.audit.layout import CellStatus
    from jaxface.audit.result import AuditResult, load
    from jaxface.audit.runner import run
    from jaxface.audit.statistics import summary

__all__ = ["AuditConfig", "AuditResult", "CellStatus", "Intervention", "load", "observe", "run", "summary"]

_HOMES = {
    "AuditResult": "result",
    "CellStatus": "layout",
    "load": "result",
    "run": "runner",
    "summary": "statistics",
}


def __getattr__(name: str) -> Any:
    if name == "observe":
        return importlib.import_module("jaxface.audit.observe")
    if name in _HOMES:
        return getattr(importlib.import_module(f"jaxface.audit.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'jaxface.audit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
