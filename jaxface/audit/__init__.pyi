from . import gates, observe
from .config import AuditConfig
from .inputs import AuditInputs, load_inputs
from .layout import CellStatus
from .result import AuditResult, load
from .runner import run
from .summary import Summary
from .survey_result import SurveyResult, load_survey
from .surveys import survey

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
