"""The gradient through renderer and classifier: Adam on the logit margin, kept inside the box."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxface.core.types import Array
from jaxface.search.best import Best, Ledger, improve
from jaxface.search.config import SearchConfig
from jaxface.search.objective import Scores, Slopes
from jaxface.search.space import SearchSpace, clip

Slope = Callable[[Array, Array], Slopes]
"""(candidates (n, E), active (n,) bool) -> slopes (n, ...); inactive cases cost nothing."""


def descend(
    slope: Slope,
    starts: Array,
    space: SearchSpace,
    best: Best,
    active: np.ndarray,
    config: SearchConfig,
    ledger: Ledger,
    ceiling: Array | None = None,
    advance: Callable[[np.ndarray], None] = lambda finished: None,
) -> Best:
    """Follow the gradient from one start of each active case, until the target or `gradient_steps`.

    The gradient's length is not to be trusted (it overshoots two- to threefold at occlusion boundaries,
    measured), so steps are Adam's and there is no line search.

    Args:
        starts: (n, E).
        best: what is known of each case; it never worsens.
        active: (n,) bool, the cases to work on.
        ledger: calls are entered here.
        ceiling: (n, N) how far each unit may be activated; None = 1.
        advance: told after each step which cases have finished in it, (n,) bool.
    """
    rates = (config.learning_rate, config.final_learning_rate, config.gradient_steps)
    points, moments = starts, _optimizer(*rates).init(starts)
    for _ in range(config.gradient_steps):
        active = active & (ledger.calls + 1 <= config.max_evaluations)
        if not active.any():
            break
        slopes = slope(points, jnp.asarray(active))
        scores = Scores(slopes.scores.loss[:, None], slopes.scores.probability[:, None])
        best = jax.block_until_ready(improve(best, points[:, None], scores, config.target))
        ledger.charge(active, gradient=1)
        finished = active & (np.asarray(best.probability) > config.target)
        advance(finished)
        active = active & ~finished
        points, moments = _step(points, moments, slopes.gradient, space, ceiling, rates)
    return best


def _optimizer(first: float, last: float, steps: int) -> optax.GradientTransformation:
    return optax.adam(
        optax.cosine_decay_schedule(first, max(steps - 1, 1), alpha=last / first), b1=0.9, b2=0.99
    )


@partial(jax.jit, static_argnums=5)
def _step(
    points: Array,
    moments: optax.OptState,
    gradient: Array,
    space: SearchSpace,
    ceiling: Array | None,
    rates: tuple[float, float, int],
) -> tuple[Array, optax.OptState]:
    """One step of Adam in standard units; elementwise, so one state serves all cases."""
    standard = jnp.where(jnp.isfinite(gradient), gradient, 0.0) * space.deviation[None, :]
    updates, moments = _optimizer(*rates).update(standard, moments)
    return clip(space, points + updates * space.deviation[None, :], ceiling), moments
