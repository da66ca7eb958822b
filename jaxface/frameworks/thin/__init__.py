"""THIN: an ensemble gated by an exogenous variable, and a loss that removes it (Arnaud, Dapogny & Bailly)."""

from jaxface.frameworks.thin import figures, introspect
from jaxface.frameworks.thin.config import VARIANTS, ThinConfig
from jaxface.frameworks.thin.train import FRAMEWORK

__all__ = ["FRAMEWORK", "VARIANTS", "ThinConfig", "figures", "introspect"]
