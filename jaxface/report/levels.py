"""Levels of a run's intervention: which leave the face unchanged, and which change it most."""

import numpy as np

from jaxface.audit import AuditResult
from jaxface.interventions import Axis


def unchanged_index(axis: Axis) -> int:
    """Return the index of the level that leaves the face as it is."""
    return int(np.argmin(np.abs(np.subtract(axis.levels, axis.unchanged))))


def changed_level(axis: Axis) -> float:
    """Return the level farthest from the unchanged one."""
    return axis.levels[int(np.argmax(np.abs(np.subtract(axis.levels, axis.unchanged))))]


def probe_order(result: AuditResult) -> np.ndarray:
    """Return (P,) indices of the probe levels, from the unchanged face to the most changed one."""
    levels = np.asarray(result.intervention.probe_levels, np.float64)
    return np.argsort(np.abs(levels - result.intervention.axes[0].unchanged), kind="stable")


def loss_sign(axis: Axis) -> int:
    """Return 1 where a positive score is a loss from unchanged to changed faces, -1 where it is a gain."""
    return 1 if changed_level(axis) < axis.unchanged else -1
