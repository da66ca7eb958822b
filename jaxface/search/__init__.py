"""Search: the expression that a classifier is most confident of (Facing Asymmetry, Eq. 4)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
