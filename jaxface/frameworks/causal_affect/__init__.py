"""CausalAffect (Hu et al. 2025, arXiv:2512.00456): signed causal graphs among action units and expressions,
learnt with their features from data sets that know one or the other."""

from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.train import FRAMEWORK
from jaxface.frameworks.causal_affect.variants import rows, variant

__all__ = ["FRAMEWORK", "CausalAffectConfig", "rows", "variant"]
