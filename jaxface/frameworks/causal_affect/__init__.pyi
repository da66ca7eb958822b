from . import graphs
from .config import CausalAffectConfig, rows, variant
from .data_config import MixedConfig
from .extract_graphs import effects, global_graph, sample_graphs
from .train import FRAMEWORK

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
