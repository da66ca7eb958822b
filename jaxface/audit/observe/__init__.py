"""Observations of photographs: the paper's Experiment 1, and a cohort with known truth to try it on.

`run` observes a table of photographs, `demonstrate` simulated ones. They are imported when first touched.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
