from .common.config import OptimizerConfig, Tables, TrainConfig
from .common.framework import Framework
from .common.log_writers import LogWriter, TensorBoardWriter
from .common.networks import evaluate, input_size, load_network
from .common.training import train
from .registry import REGISTRY, load, load_tables

__all__ = [
    "REGISTRY",
    "Framework",
    "LogWriter",
    "OptimizerConfig",
    "Tables",
    "TensorBoardWriter",
    "TrainConfig",
    "evaluate",
    "input_size",
    "load",
    "load_network",
    "load_tables",
    "train",
]
