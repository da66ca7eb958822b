"""FCIT: does X help a decision tree to predict Y from Z? (Chalupka 2018)

The trees are scikit-learn's: growing one is a loop over ragged data with nothing for an accelerator to do.
"""

import numpy as np

from jaxface.core.checks import require
from jaxface.core.types import Array
from jaxface.stats.independence import common
from jaxface.stats.independence.common import IndependenceResult, Values

_LEAST_SPLITS = (2, 8, 64, 512, 0.01, 0.2, 0.4)  # samples, or their share, that a node needs to be split
_CHOICE_SPLITS = 3  # to choose among them
_SAME = 1e-9  # two trees that split alike differ by rounding alone
_FLOOR = 1e-12  # of Y's variance: a perfect prediction is no division by zero


def fcit(
    x: Values,
    y: Values,
    z: Values | None,
    key: Array,
    splits: int = 8,
    test_share: float = 0.1,
) -> IndependenceResult:
    """Test of X independent of Y given Z by the errors of decision trees with and without X.

    Y is predicted, or X when it has fewer columns. Without Z, X in shuffled order stands for it. Conservative
    for a few hundred samples. The splits overlap, so that p-values are no more than a guide.
    Data and errors as `chsic`.

    Args:
        x, y, z: standardised here.
        key: draws the splits and the trees; the same key gives the same answer.
        splits: how many times the samples are parted into training and test data.
        test_share: part of the samples that is test data.

    Returns:
        One-sided t statistic of "the error without X over the error with it is 1" over the splits, and its
        p-value, which is .5 when X never changes a prediction.
    """
    require(splits >= 2, "splits", splits, "at least 2")
    require(0 < test_share < 1, "test_share", test_share, "in (0, 1)")
    data = common.samples(x, y, z)
    if data.trivial:
        return common.TRIVIAL
    rng = common.generator(key)
    x_columns, target = data.x, data.y
    if x_columns.shape[1] < target.shape[1]:
        x_columns, target = target, x_columns
    # Trees do not mind scales, but scikit-learn's hold their inputs in float32.
    x_columns, target, without = map(common.standardised, (x_columns, target, data.z))
    with_x = np.hstack([x_columns, without])
    test_size = min(max(1, int(np.ceil(test_share * len(target)))), len(target) - 2)
    unconditional = without.shape[1] == 0
    if unconditional:
        without = rng.permutation(x_columns)
    parameters = [_chosen(inputs, target, test_size, rng) for inputs in (without, with_x)]
    errors = np.empty((2, splits))
    for split in range(splits):
        order, seed = rng.permutation(len(target)), int(rng.integers(2**31))
        if unconditional:
            without = rng.permutation(x_columns)
        for row, inputs, least in zip(errors, (without, with_x), parameters, strict=True):
            row[split] = _error(inputs, target, order, test_size, least, seed)
    return vote(*errors)


def vote(without: np.ndarray, with_x: np.ndarray) -> IndependenceResult:
    """The t test of (splits,) mean squared errors without and with X, of a Y of variance 1."""
    from scipy.special import stdtr

    ratio = (without + _FLOOR) / (with_x + _FLOOR)
    excess = np.where(np.abs(ratio - 1) < _SAME, 0.0, ratio - 1)
    spread = excess.std(ddof=1) / np.sqrt(len(excess))
    mean = excess.mean()
    statistic = mean / spread if spread > 0 else np.copysign(np.inf, mean) if mean else 0.0
    return IndependenceResult(float(statistic), float(stdtr(len(excess) - 1, -statistic)))


def _chosen(inputs: np.ndarray, target: np.ndarray, test_size: int, rng: np.random.Generator) -> int | float:
    """The least number of samples to split that predicts best over a few splits."""
    orders = [rng.permutation(len(target)) for _ in range(_CHOICE_SPLITS)]
    seed = int(rng.integers(2**31))
    errors = [
        np.mean([_error(inputs, target, order, test_size, least, seed) for order in orders])
        for least in _LEAST_SPLITS
    ]
    return _LEAST_SPLITS[int(np.argmin(errors))]


def _error(
    inputs: np.ndarray, target: np.ndarray, order: np.ndarray, test_size: int, least: int | float, seed: int
) -> float:
    """Mean squared error on the first `test_size` samples of a tree grown on the others."""
    from sklearn.tree import DecisionTreeRegressor  # slow to import

    test, train = order[:test_size], order[test_size:]
    tree = DecisionTreeRegressor(min_samples_split=least, random_state=seed).fit(inputs[train], target[train])
    return float(np.mean((tree.predict(inputs[test]).reshape(test_size, -1) - target[test]) ** 2))
