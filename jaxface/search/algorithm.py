"""A search method as a pair of functions, and the host loop that runs it on many cases.

What a case has reached and spent is kept on the host between steps; every step is spread over devices.
"""

import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.search.config import SearchConfig
from jaxface.search.objective import Scores

UNREACHED = 100.0
"""Added to the rank of candidates below the target: more than any loss, so that reaching it comes first."""


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


class SearchAlgorithm(NamedTuple):
    """A method of n cases, as a pair of functions.

    Attributes:
        init: (starts) -> state.
        step: (state, active (n,) bool) -> (state, candidates (n, P, E), scores (n, P)). Cases that are
            not active cost nothing and score infinity.
        forward_calls, gradient_calls: of one case in one step.
    """

    init: Callable[[Any], Any]
    step: Callable[[Any, np.ndarray], tuple[Any, Any, Scores]]
    forward_calls: int = 0
    gradient_calls: int = 0


class CaseTracker:
    """The best candidate, the calls and the CPU time of n cases, on the host.

    Process time between two updates is divided among the cases that were active in it.

    Args:
        start: (n, E), the best candidates before any was scored, with an infinite loss.
        on_finished: called with the number of cases that have finished since the last call.

    Attributes:
        best: it never worsens.
        forward_calls, gradient_calls: (n,).
        cpu_seconds: (n,).
        is_stalled: (n,) bool, cases that stopped improving.
        is_done: (n,) bool, cases that were reported to `on_finished`.
    """

    def __init__(
        self, config: SearchConfig, start: Any, on_finished: Callable[[int], None] = lambda count: None
    ) -> None:
        count = len(start)
        self.config, self.on_finished = config, on_finished
        self.best = Best(start, np.full(count, np.inf, np.float32), np.zeros(count, np.float32))  # type: ignore[arg-type]  # NumPy
        self.forward_calls = np.zeros(count, np.int64)
        self.gradient_calls = np.zeros(count, np.int64)
        self.cpu_seconds = np.zeros(count)
        self.is_stalled = np.zeros(count, bool)
        self.is_done = np.zeros(count, bool)
        self._last = time.process_time()

    @property
    def has_reached_target(self) -> np.ndarray:
        """(n,) bool."""
        return np.asarray(self.best.probability) > self.config.target

    def can_afford(self, calls: int) -> np.ndarray:
        """Which cases may make so many calls more, (n,) bool."""
        return self.forward_calls + self.gradient_calls + calls <= self.config.max_evaluations

    def update(
        self, candidates: Any, scores: Scores, active: np.ndarray, forward: int = 0, gradient: int = 0
    ) -> np.ndarray:
        """Keep the better of the best and of candidates (n, P, E), and count the calls of active cases.

        Returns:
            (n,) bool, the cases whose best has improved.
        """
        before = np.asarray(self.best.loss)
        self.best = improve(self.best, candidates, scores, self.config.target)
        now = time.process_time()
        self.forward_calls[active] += forward
        self.gradient_calls[active] += gradient
        if active.any():
            self.cpu_seconds[active] += (now - self._last) / active.sum()
        self._last = now
        return np.asarray(self.best.loss) < before

    def finish(self, cases: np.ndarray) -> None:
        """Report cases (n,) bool as finished, each of them once."""
        count = int((cases & ~self.is_done).sum())
        self.is_done |= cases
        if count:
            self.on_finished(count)


def run(
    algorithm: SearchAlgorithm,
    starts: Any,
    tracker: CaseTracker,
    active: np.ndarray,
    max_steps: int | None = None,
    plateau: int | None = None,
) -> None:
    """Step until each active case has reached the target, stalled, or spent its calls or steps.

    Args:
        starts: for `algorithm.init`.
        tracker: holds the results.
        active: (n,) bool, the cases to work on.
        max_steps: None = no limit.
        plateau: a case stalls after so many steps without an improvement, and is then finished, as is one
            that has spent its calls; None = another method may still work on these cases.
    """
    calls = algorithm.forward_calls + algorithm.gradient_calls
    begin, state = active, algorithm.init(starts)
    steps_since_best = np.zeros(len(active), int)
    active = active & tracker.can_afford(calls)
    for _ in itertools.count() if max_steps is None else range(max_steps):
        if not active.any():
            break
        state, candidates, scores = algorithm.step(state, active)
        has_improved = tracker.update(
            candidates, scores, active, algorithm.forward_calls, algorithm.gradient_calls
        )
        steps_since_best = np.where(has_improved, 0, steps_since_best + 1)
        is_running = active & ~tracker.has_reached_target
        if plateau is not None:
            stalls = is_running & (steps_since_best >= plateau)
            tracker.is_stalled |= stalls
            is_running &= ~stalls
        active = is_running & tracker.can_afford(calls)
        tracker.finish(begin & (tracker.has_reached_target if plateau is None else ~active))
    if plateau is not None:
        tracker.finish(begin)


def improve(best: Best, candidates: Any, scores: Scores, target: float) -> Best:
    """Return the better of `best` and candidates (n, P, E): first by reaching `target`, then by loss.

    On the host: too little work for a program of every number of candidates.
    """

    def rank(loss: np.ndarray, probability: np.ndarray) -> np.ndarray:
        is_below = (probability <= np.float32(target)).astype(np.float32)
        return np.where(np.isfinite(loss), loss + np.float32(UNREACHED) * is_below, np.float32(np.inf))

    old = [np.asarray(each) for each in (best.coefficients, best.loss, best.probability)]
    new = [np.asarray(each) for each in (candidates, scores.loss, scores.probability)]
    ranks = rank(new[1], new[2])
    rows, index = np.arange(len(ranks)), ranks.argmin(axis=1)
    is_better = ranks[rows, index] < rank(old[1], old[2])
    return Best(
        np.where(is_better[:, None], new[0][rows, index], old[0]),  # type: ignore[arg-type]  # NumPy
        *(np.where(is_better, new[k][rows, index], old[k]) for k in (1, 2)),  # type: ignore[arg-type]
    )
