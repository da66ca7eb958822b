"""GReFEL (Wasi et al. 2024): anchors correct what the network answers. With it what it is compared with:
cross-entropy alone, POSTER++, self-cure."""

from jaxface.frameworks.grefel.config import GrefelConfig
from jaxface.frameworks.grefel.train import FRAMEWORK

__all__ = ["FRAMEWORK", "GrefelConfig"]
