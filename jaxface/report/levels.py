"""The levels of a run's intervention that the report shows: unchanged, changed, and the probe levels."""

from __future__ import annotations

import numpy as np

from jaxface.audit import AuditResult
from jaxface.interventions import Axis


def unchanged_index(axis: Axis) -> int:
    """Return the index of the level that leaves the face as it is."""
    return int(np.argmin(np.abs(np.subtract(axis.levels, axis.unchanged))))


def changed_index(axis: Axis) -> int:
    """Return the index of the level farthest from the unchanged one."""
    return int(np.argmax(np.abs(np.subtract(axis.levels, axis.unchanged))))


def probe_levels(result: AuditResult) -> np.ndarray:
    """Return (P,) the doses at which all answers are kept, from the unchanged face to the most changed one."""
    levels = np.asarray(result.intervention.probe_levels, np.float64)
    distance = np.abs(levels - result.intervention.axes[0].unchanged)
    return levels[np.argsort(distance, kind="stable")]
