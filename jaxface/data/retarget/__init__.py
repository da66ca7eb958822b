"""Retargeting: the expressions of a data set on pairs of avatars, a woman and a man for each image.

`retarget` does what PM2 (Lu et al., section 4.1.2) does by hand with a tracker and a game engine.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
