"""CausalAffect (Hu et al. 2025, arXiv:2512.00456): signed causal graphs among action units and
expressions, learnt with their features from data sets that have labels of one or the other."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
