from .config import METHODS, Pm2Config
from .data_config import DomainConfig, Pm2Data
from .train import FRAMEWORK, evaluate_folds, pool_folds

__all__ = [
    "FRAMEWORK",
    "METHODS",
    "DomainConfig",
    "Pm2Config",
    "Pm2Data",
    "evaluate_folds",
    "pool_folds",
]
