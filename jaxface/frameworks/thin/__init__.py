"""THIN: an ensemble gated by an exogenous variable, and a loss that removes it (Arnaud, Dapogny & Bailly)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
