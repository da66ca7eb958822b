"""PM2: action units from paired synthetic faces, fair between the sexes (Lu et al.), and what it is compared
with."""

from jaxface.frameworks.pm2.config import METHODS, Pm2Config
from jaxface.frameworks.pm2.train import FRAMEWORK

__all__ = ["FRAMEWORK", "METHODS", "Pm2Config"]
