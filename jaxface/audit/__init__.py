"""Audits: the same faces at every degree of symmetry, before every classifier, with a verdict."""

from jaxface.audit.config import AuditConfig
from jaxface.audit.interventions import Intervention
from jaxface.audit.judge import summary
from jaxface.audit.layout import CellStatus
from jaxface.audit.result import AuditResult, load
from jaxface.audit.runner import run

__all__ = ["AuditConfig", "AuditResult", "CellStatus", "Intervention", "load", "run", "summary"]
