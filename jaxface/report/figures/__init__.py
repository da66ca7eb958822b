"""Figures: functions return matplotlib figures; `svg` turns one into an element of the page."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
