"""Tests of conditional independence: is X independent of Y given Z?"""

from jaxface.stats.independence.chsic import chsic
from jaxface.stats.independence.cmiknn import cmiknn
from jaxface.stats.independence.common import IndependenceResult
from jaxface.stats.independence.fcit import fcit
from jaxface.stats.independence.kci import kci
from jaxface.stats.independence.majority import TESTS, VOTERS, MajorityResult, majority

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
