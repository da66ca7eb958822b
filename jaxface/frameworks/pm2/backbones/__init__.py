"""Nets made for action units, which see the face as a grid of regions: DRML and JAA-Net."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
