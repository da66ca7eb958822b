"""Retargeting: the expressions of a data set on pairs of avatars, a woman and a man for each image.

`retarget` does what PM2 (Lu et al., section 4.1.2) does by hand with a tracker and a game engine.
"""

from jaxface.data.retarget.config import RetargetConfig
from jaxface.data.retarget.pairs import Expression, sample_pair
from jaxface.data.retarget.run import RetargetResult, retarget

__all__ = ["Expression", "RetargetConfig", "RetargetResult", "retarget", "sample_pair"]
