"""PM2: action units from paired synthetic faces, with matched error rates for women and men (Lu et
al.); and its baselines."""

from jaxface.frameworks.pm2.config import METHODS, Pm2Config
from jaxface.frameworks.pm2.inputs import DomainConfig, Pm2Data
from jaxface.frameworks.pm2.train import FRAMEWORK, evaluate_folds, pool_folds

__all__ = ["FRAMEWORK", "METHODS", "DomainConfig", "Pm2Config", "Pm2Data", "evaluate_folds", "pool_folds"]
