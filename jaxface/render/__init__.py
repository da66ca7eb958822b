"""Pictures of heads: camera, light, z-buffer, shading.

Everything is pure JAX and differentiable.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
