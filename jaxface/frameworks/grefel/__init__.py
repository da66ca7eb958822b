"""GReFEL (Wasi et al. 2024): anchors correct what the network answers. With it what it is compared with:
cross-entropy alone, POSTER++, self-cure."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
