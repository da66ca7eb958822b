"""Tests of conditional independence: is X independent of Y given Z?"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
