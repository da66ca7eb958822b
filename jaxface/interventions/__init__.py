"""Interventions: what is changed about a face while all else stays as it is.

To add one, write a frozen dataclass that satisfies `Intervention` and enter it in `registry.REGISTRY`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
