"""Nets made for action units, which see the face as a grid of regions: DRML and JAA-Net."""

from jaxface.frameworks.pm2.backbones.drml import Drml
from jaxface.frameworks.pm2.backbones.jaa_net import JaaNet

__all__ = ["Drml", "JaaNet"]
