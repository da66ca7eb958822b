"""The best candidate of each case so far, and what it has cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.search.objective import Scores

UNREACHED = 100.0
"""Added to the rank of candidates below the target: more than any loss, so that reaching it comes first."""

Evaluate = Callable[[Any, np.ndarray], Scores]
"""(candidates (n, P, E), active (n,) bool) -> scores (n, P); inactive cases cost nothing and score infinity."""


@pytree
class Best:
    """The best candidate of each of n cases.

    Attributes:
        coefficients: (n, E).
        loss, probability: (n,).
    """

    coefficients: Array
    loss: Array
    probability: Array


def empty_best(start: Array) -> Best:
    """No candidate seen yet: `start` (n, E) with an infinite loss."""
    cases = start.shape[0]
    return Best(start, jnp.full(cases, jnp.inf), jnp.zeros(cases))


@jax.jit
def improve(best: Best, candidates: Array, scores: Scores, target: Array | float) -> Best:
    """The better of `best` and candidates (n, P, E): those that reach `target` first, then by loss."""

    def rank(loss: Array, probability: Array) -> Array:
        return jnp.where(jnp.isfinite(loss), loss + UNREACHED * (probability <= target), jnp.inf)

    def one(best: Best, candidates: Array, scores: Scores) -> Best:
        ranks = rank(scores.loss, scores.probability)
        index = jnp.argmin(ranks)
        better = ranks[index] < rank(best.loss, best.probability)
        found = Best(candidates[index], scores.loss[index], scores.probability[index])
        return jax.tree.map(lambda new, old: jnp.where(better, new, old), found, best)

    return jax.vmap(one)(best, candidates, scores)


@dataclass
class CallCounter:
    """Calls and CPU time of each case, kept on the host.

    Process time between two entries is shared among the cases that worked in it.
    """

    cases: int
    forward_calls: np.ndarray = field(init=False)
    gradient_calls: np.ndarray = field(init=False)
    cpu_seconds: np.ndarray = field(init=False)
    stalled: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.forward_calls = np.zeros(self.cases, np.int64)
        self.gradient_calls = np.zeros(self.cases, np.int64)
        self.cpu_seconds = np.zeros(self.cases)
        self.stalled = np.zeros(self.cases, bool)
        self._last = time.process_time()

    @property
    def calls(self) -> np.ndarray:
        """Renders of each case so far, (n,)."""
        return self.forward_calls + self.gradient_calls

    def charge(self, active: np.ndarray, forward: int = 0, gradient: int = 0) -> None:
        """Each active case has made these calls since the last entry; their results must be there."""
        now = time.process_time()
        self.forward_calls[active] += forward
        self.gradient_calls[active] += gradient
        if active.any():
            self.cpu_seconds[active] += (now - self._last) / active.sum()
        self._last = now
