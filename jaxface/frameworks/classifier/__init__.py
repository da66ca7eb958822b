"""Plain classifiers: any registered architecture with cross-entropy, or with its authors' recipe."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
