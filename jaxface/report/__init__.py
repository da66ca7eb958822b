"""The report of a run: a verdict, faces that move, tables and figures in one HTML file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
