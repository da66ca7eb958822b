"""Heads: what a face model is, how it moves, how it looks, who is sampled from it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
