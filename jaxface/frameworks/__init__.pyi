from .common.config import OptimizerConfig, Tables, TrainConfig
from .common.framework import Framework
from .common.networks import evaluate, input_size, load_network
from .common.training import train
from .registry import REGISTRY, load, load_tables

__all__ = [
    "REGISTRY",
    "Framework",
    "OptimizerConfig",
    "Tables",
    "TrainConfig",
    "evaluate",
    "input_size",
    "load",
    "load_network",
    "load_tables",
    "train",
]
