"""Tests of conditional independence: is X independent of Y given Z?"""

from jaxface.stats.independence._chsic import chsic
from jaxface.stats.independence._cmiknn import cmiknn
from jaxface.stats.independence._fcit import fcit
from jaxface.stats.independence._kci import kci
from jaxface.stats.independence._majority import TESTS, VOTERS, MajorityResult, majority
from jaxface.stats.independence.common import IndependenceResult

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
