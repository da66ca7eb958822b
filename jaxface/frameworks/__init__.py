"""Learning frameworks: train a network that can then be audited, and evaluate any network on a data set.

Each framework is a folder of its own with `config`, `networks` and `train`, and one `FRAMEWORK`;
what they share is in `common`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
