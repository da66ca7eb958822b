from ._chsic import chsic
from ._cmiknn import cmiknn
from ._fcit import fcit
from ._kci import kci
from ._majority import MajorityResult, majority
from .common import IndependenceResult
from .registry import TESTS, VOTERS

__all__ = [
    "TESTS",
    "VOTERS",
    "IndependenceResult",
    "MajorityResult",
    "chsic",
    "cmiknn",
    "fcit",
    "kci",
    "majority",
]
