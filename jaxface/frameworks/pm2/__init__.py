"""PM2: action units from paired synthetic faces, with matched error rates for women and men (Lu et
al.); and its baselines."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
