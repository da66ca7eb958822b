"""Statistics on arrays: scores, permutation tests, multiple testing, intervals."""

from jaxface.stats.independence import (
    IndependenceResult,
    MajorityResult,
    chsic,
    cmiknn,
    fcit,
    kci,
    majority,
)
from jaxface.stats.multiple import CORRECTIONS, adjust, benjamini_hochberg, holm
from jaxface.stats.people import FEWEST_PEOPLE, MeanTest, mean_test, share_interval
from jaxface.stats.permutation import SCHEMES, PermutationResult, null_scores, permutation_test
from jaxface.stats.regression import WindowRegression, window_regression
from jaxface.stats.score import ESTIMATORS, population_score, symmetry_score

__all__ = [
    "CORRECTIONS",
    "ESTIMATORS",
    "FEWEST_PEOPLE",
    "SCHEMES",
    "IndependenceResult",
    "MajorityResult",
    "MeanTest",
    "PermutationResult",
    "WindowRegression",
    "adjust",
    "benjamini_hochberg",
    "chsic",
    "cmiknn",
    "fcit",
    "holm",
    "kci",
    "majority",
    "mean_test",
    "null_scores",
    "permutation_test",
    "population_score",
    "share_interval",
    "symmetry_score",
    "window_regression",
]
