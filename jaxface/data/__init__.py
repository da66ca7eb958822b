"""Training data: published data sets in their own layouts, rendered data sets, and batches of them.

`open` reads a `Dataset`, `concat` joins several, `batches` streams one, `augment` varies images on
the device, and `rendered` renders faces on the fly or to disk.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
