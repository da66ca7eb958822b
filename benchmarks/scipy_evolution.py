"""scipy's differential evolution on the same objective, for comparison in tests and benchmarks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from jaxface.search.space import SearchSpace


@dataclass(frozen=True)
class Reference:
    """The result of scipy.

    Attributes:
        coefficients: (E,).
        loss: its objective.
        evaluations: candidates scored.
        reached_after: candidates scored when the loss first fell below `stop_below`; None if never.
    """

    coefficients: np.ndarray
    loss: float
    evaluations: int
    reached_after: int | None


def differential_evolution(
    losses: Callable[[np.ndarray], np.ndarray],
    space: SearchSpace,
    *,
    max_evaluations: int,
    population: int | None = None,
    stop_below: float = -np.inf,
    seed: int = 0,
) -> Reference:
    """Minimise with `scipy.optimize.differential_evolution`: best1bin, dither (.5, 1), crossover .7.

    Args:
        losses: (B, E) candidates -> (B,) losses.
        population: members; None = scipy's default of 15 a coefficient.
        stop_below: stop once the best loss is below this.
    """
    lower, upper = np.asarray(space.lower, float), np.asarray(space.upper, float)
    members = population or 15 * len(lower)
    evaluations, best, reached_after = 0, np.inf, None

    def losses_of_columns(columns: np.ndarray) -> np.ndarray:
        nonlocal evaluations, best, reached_after
        values = np.asarray(losses(columns.T), float)
        for value in values:
            evaluations += 1
            best = min(best, value)
            if reached_after is None and best < stop_below:
                reached_after = evaluations
        return values

    uniform = np.random.default_rng(seed).random((members, len(lower)))
    result = scipy.optimize.differential_evolution(
        losses_of_columns,
        list(zip(lower, upper, strict=True)),
        init=lower + uniform * (upper - lower),
        maxiter=max(max_evaluations // members - 1, 1),
        callback=lambda intermediate_result: bool(intermediate_result.fun < stop_below),
        polish=False,
        tol=0.0,
        updating="deferred",
        vectorized=True,
        rng=seed,
    )
    return Reference(np.asarray(result.x), float(result.fun), evaluations, reached_after)
