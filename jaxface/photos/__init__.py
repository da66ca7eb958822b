"""Photographs: find the faces in them, and their landmarks.

`detect` takes one picture, `detect_many` several; `load_nets` loads the nets once for many calls. What needs
the nets is imported when first touched.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
