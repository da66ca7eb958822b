from .independence import IndependenceResult, MajorityResult, chsic, cmiknn, fcit, kci, majority
from .multiple import adjust, benjamini_hochberg, holm
from .people import FEWEST_PEOPLE, MeanTest, fewest_people, mean_test, share_interval
from .permutation import PermutationResult, null_scores, permutation_test
from .registry import CORRECTIONS, ESTIMATORS
from .regression import WindowRegression, window_regression
from .schemes import SCHEMES
from .score import population_score, symmetry_score

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
    "fewest_people",
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
