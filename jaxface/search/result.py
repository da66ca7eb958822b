"""The result of a search."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from jaxface.core.pytrees import describe


class Status(IntEnum):
    """How the search of a case ended."""

    REACHED = 0
    """The probability exceeds the target."""
    STALLED = 1
    """No improvement for `plateau` generations; another seed may help more than more generations."""
    SPENT = 2
    """The gradient's starts or `max_evaluations` are spent below the target; raise them, or lower it."""
    FAILED = 3
    """No candidate had a finite score, or the classifier raised an error: check its answers and the face."""


@dataclass(frozen=True)
class SearchResult:
    """Results of n cases; every field is a NumPy array with the leading axis n.

    Attributes:
        expression: (n, E) coefficients of the best face; all zero where the search failed.
        probability: (n,) the classifier's probability of the target (mean over the views of the config).
        probability_shifted: (n,) mean probability with the picture moved by a third of a pixel in four
            directions: a maximum can be due to a lucky pixel.
        probability_shifted_min: (n,) the lowest of them.
        forward_calls: (n,) renders without a gradient; the shifted ones are not counted.
        gradient_calls: (n,) renders with value and gradient.
        share_at_bound: (n,) share of the coefficients on an edge of the box.
        norm: (n,) Euclidean norm of the coefficients in standard deviations.
        excess: (n,) largest distance of an implied unit activation from [0, 1]; 0 for a space without units.
        status: (n,) `Status`.
        cpu_seconds: (n,) process time of the host with compilation; the time of a batch is divided.
        failure: (n,) texts: the classifier's error that ended the search; empty where there was none.
    """

    expression: np.ndarray
    probability: np.ndarray
    probability_shifted: np.ndarray
    probability_shifted_min: np.ndarray
    forward_calls: np.ndarray
    gradient_calls: np.ndarray
    share_at_bound: np.ndarray
    norm: np.ndarray
    excess: np.ndarray
    status: np.ndarray
    cpu_seconds: np.ndarray
    failure: np.ndarray

    def __repr__(self) -> str:
        return describe(self)

    def success(self, level: float) -> np.ndarray:
        """Return which cases exceed a probability such as .9 or .99, (n,) bool."""
        return self.probability > level
