"""Statistics on arrays: scores, permutation tests, multiple testing, intervals."""

from jaxface.stats.bootstrap import Interval, mean_interval
from jaxface.stats.independence import (
    IndependenceResult,
    MajorityResult,
    chsic,
    cmiknn,
    fcit,
    kci,
    majority,
)
from jaxface.stats.multiple import holm
from jaxface.stats.permutation import SCHEMES, PermutationResult, permutation_test
from jaxface.stats.score import population_score, symmetry_score

__all__ = [
    "SCHEMES",
    "IndependenceResult",
    "Interval",
    "MajorityResult",
    "PermutationResult",
    "chsic",
    "cmiknn",
    "fcit",
    "holm",
    "kci",
    "majority",
    "mean_interval",
    "permutation_test",
    "population_score",
    "symmetry_score",
]
