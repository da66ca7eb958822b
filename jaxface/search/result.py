"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Status(IntEnum):
    """How the search of a case ended."""

    REACHED = 0
    """The probability exceeds the target."""
    STALLED = 1
    """No improvement for `plateau` generations; more generations will hardly help, another seed may."""
    SPENT = 2
    """The gradient's starts or `max_evaluations` are used up below the target; raise them, or lower it."""
    FAILED = 3
    """No candidate had a finite score: look at the classifier's answers and at the face's parameters."""


@dataclass(frozen=True)
class SearchResult:
    """Results of n cases; every field is a NumPy array with the leading axis n.

    Attributes:
        expression: (n, E) coefficients of the best face; all zero where the search failed.
        probability: (n,) the classifier's answer for the target on the face as it was searched (mean over
            the views of the config).
        probability_shifted: (n,) mean of the answers with the picture moved by a third of a pixel in four
            directions: a searched maximum can be pixel luck.
        probability_shifted_min: (n,) the lowest of them.
        forward_calls: (n,) renders that were only looked at; the shifted ones are not counted.
        gradient_calls: (n,) renders of which value and gradient were taken.
        share_at_bound: (n,) share of the coefficients on an edge of the box.
        norm: (n,) Euclidean norm of the coefficients in standard deviations.
        excess: (n,) largest distance of an implied unit activation from [0, 1]; 0 for a space without units.
        status: (n,) `Status`.
        cpu_seconds: (n,) process time of the host, compilation included; what a batch shares is divided.
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

    def success(self, level: float) -> np.ndarray:
        """Which cases exceed a probability such as .9 or .99, (n,) bool."""
        return self.probability > level
