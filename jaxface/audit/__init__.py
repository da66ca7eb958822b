"""Audits: do the answers of classifiers depend on one thing about a face?

Four rooms: `inputs` loads what a config names, `evaluation` turns work items into outputs, `store` keeps them,
and `statistics` makes the summary that every report formats; `runner` calls them in this order. `surveys` runs
several interventions, one audit each, and `contrasts` sets their effects side by side.

The config is imported at once, the rest when it is first used: a command line that only needs its flags does
not wait for xarray and zarr.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxface.audit.config import AuditConfig

if TYPE_CHECKING:
    from jaxface.audit import gates, observe
    from jaxface.audit.inputs import AuditInputs, load_inputs
    from jaxface.audit.layout import CellStatus
    from jaxface.audit.result import AuditResult, load
    from jaxface.audit.runner import run
    from jaxface.audit.summary import Summary
    from jaxface.audit.survey_result import SurveyResult, load_survey
    from jaxface.audit.surveys import survey

__all__ = [
    "AuditConfig",
    "AuditInputs",
    "AuditResult",
    "CellStatus",
    "Summary",
    "SurveyResult",
    "gates",
    "load",
    "load_inputs",
    "load_survey",
    "observe",
    "run",
    "survey",
]

_HOMES = {
    "AuditInputs": "inputs",
    "AuditResult": "result",
    "CellStatus": "layout",
    "Summary": "summary",
    "SurveyResult": "survey_result",
    "load": "result",
    "load_inputs": "inputs",
    "load_survey": "survey_result",
    "run": "runner",
    "survey": "surveys",
}
_SUBPACKAGES = ("gates", "observe")


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"jaxface.audit.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"jaxface.audit.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'jaxface.audit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
