"""CausalAffect (Hu et al. 2025, arXiv:2512.00456): signed causal graphs among action units and
expressions, learnt with their features from data sets that have labels of one or the other."""

from jaxface.frameworks.causal_affect import graphs
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, rows, variant
from jaxface.frameworks.causal_affect.extract_graphs import effects, global_graph, sample_graphs
from jaxface.frameworks.causal_affect.inputs import MixedConfig
from jaxface.frameworks.causal_affect.train import FRAMEWORK

__all__ = [
    "FRAMEWORK",
    "CausalAffectConfig",
    "MixedConfig",
    "effects",
    "global_graph",
    "graphs",
    "rows",
    "sample_graphs",
    "variant",
]
