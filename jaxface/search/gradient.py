"""The gradient through renderer and classifier: Adam on the logit margin, kept inside the box."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxface.core.pytrees import pytree, static
from jaxface.core.sharding import CaseSharding, map_cases, sharding_for
from jaxface.core.types import Array
from jaxface.search.best import Best, CallCounter, improve
from jaxface.search.config import SearchConfig
from jaxface.search.objective import Scores, ValueAndGrad
from jaxface.search.space import SearchSpace, clip

Slope = Callable[[Any, np.ndarray], ValueAndGrad]
"""(candidates (n, E), active (n,) bool) -> slopes (n, ...); inactive cases cost nothing."""


@pytree
class AdamSchedule:
    """The space, and Adam's step in it, in standard deviations: from `first` to `last` along a cosine."""

    space: SearchSpace
    first: float = static()
    last: float = static()
    steps: int = static()

    @property
    def optimizer(self) -> optax.GradientTransformation:
        rate = optax.cosine_decay_schedule(self.first, max(self.steps - 1, 1), alpha=self.last / self.first)
        return optax.adam(rate, b1=0.9, b2=0.99)


def descend(
    slope: Slope,
    starts: Array | np.ndarray,
    space: SearchSpace,
    best: Best,
    active: np.ndarray,
    config: SearchConfig,
    ledger: CallCounter,
    ceiling: Array | np.ndarray | None = None,
    advance: Callable[[np.ndarray], None] = lambda finished: None,
    spread: CaseSharding | None = None,
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
        spread: the devices that work on it.
    """
    spread = spread or sharding_for(len(active))
    walk = spread.replicate(
        AdamSchedule(space, config.learning_rate, config.final_learning_rate, config.gradient_steps)
    )
    points, moments = starts, jax.vmap(walk.optimizer.init)(jnp.asarray(starts))
    for _ in range(config.gradient_steps):
        active = active & (ledger.calls + 1 <= config.max_evaluations)
        if not active.any():
            break
        slopes = slope(points, active)
        scores = Scores(slopes.scores.loss[:, None], slopes.scores.probability[:, None])
        best = jax.block_until_ready(improve(best, points[:, None], scores, config.target))
        ledger.charge(active, gradient=1)
        finished = active & (np.asarray(best.probability) > config.target)
        advance(finished)
        active = active & ~finished
        points, moments = spread(_step, walk, points, moments, slopes.gradient, ceiling, active=active)
    return best


def _step(
    walk: AdamSchedule,
    points: Array,
    moments: optax.OptState,
    gradient: Array,
    ceiling: Array | None,
    active: Array,
) -> tuple[Array, optax.OptState]:
    """One step of Adam in standard units."""

    def one(
        point: Array, moments: optax.OptState, slope: Array, ceiling: Array | None
    ) -> tuple[Array, optax.OptState]:
        standard = jnp.where(jnp.isfinite(slope), slope, 0.0) * walk.space.deviation
        updates, moments = walk.optimizer.update(standard, moments)
        return clip(walk.space, point + updates * walk.space.deviation, ceiling), moments

    return map_cases(one, points, moments, gradient, ceiling)
