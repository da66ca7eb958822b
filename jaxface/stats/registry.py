"""Estimators and corrections by name."""

from typing import TYPE_CHECKING, Literal

from jaxface.core.registry import Registry

if TYPE_CHECKING:
    from jaxface.stats.estimators import Estimator
    from jaxface.stats.multiple import Correction

ESTIMATORS: Registry["Estimator"] = Registry(
    "jaxface.stats",
    {
        "gradient": ("estimators:GRADIENT", "the mean of the numerical gradient (Eq. 6)"),
        "gradient-2": ("estimators:GRADIENT_2", "the same with edge order 2"),
        "slope": ("estimators:SLOPE", "the least-squares slope"),
        "endpoints": ("estimators:ENDPOINTS", "the difference between the last and the first level"),
        "area": ("estimators:AREA", "twice the mean loss against the last level"),
    },
)
"""By name, as in `AuditConfig.estimator`."""

CORRECTIONS: Registry["Correction"] = Registry(
    "jaxface.stats",
    {
        "holm": ("multiple:HOLM", "limits the chance of any false alarm"),
        "benjamini-hochberg": ("multiple:BENJAMINI_HOCHBERG", "limits the share of false alarms"),
    },
)
"""By name, as in `AuditConfig.correction`."""

Unit = Literal["step", "range"]
"""Whether a score is the change per step of the grid, or over all levels."""
