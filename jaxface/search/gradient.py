"""The gradient method: Adam through the renderer, inside the box."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxface.core.pytrees import pytree, static
from jaxface.core.runtime import brief
from jaxface.core.sharding import CaseSharding, map_cases
from jaxface.core.types import Array
from jaxface.search.algorithm import SearchAlgorithm
from jaxface.search.config import SearchConfig
from jaxface.search.objective import Scores, ValueAndGrad
from jaxface.search.space import SearchSpace, clip

GradientFunction = Callable[[Any, np.ndarray], ValueAndGrad]
"""(points (n, E), active (n,) bool) -> scores and gradients; inactive cases cost nothing."""


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


class AdamState(NamedTuple):
    """Points (n, E) to evaluate next, and the optimizer's state of each."""

    points: Any
    opt_state: optax.OptState


def adam(
    value_and_grad: GradientFunction,
    space: SearchSpace,
    activation_limit: np.ndarray | None,
    config: SearchConfig,
    sharding: CaseSharding,
) -> SearchAlgorithm:
    """Return Adam as a `SearchAlgorithm`, from starts (n, E).

    The length of the gradient is not reliable (it is two to three times too large at occlusion
    boundaries, measured), so there is no line search.

    Args:
        activation_limit: (n, N) largest activation of each unit; None = 1.
    """
    rates = config.learning_rate, config.final_learning_rate
    schedule = sharding.replicate(AdamSchedule(space, *rates, config.gradient_steps))

    def init(starts: Any) -> AdamState:
        return AdamState(starts, _init(schedule, np.asarray(starts)))

    def step(state: AdamState, active: np.ndarray) -> tuple[AdamState, Any, Scores]:
        result = value_and_grad(state.points, active)
        candidates = state.points[:, None]
        scores = jax.tree.map(lambda leaf: leaf[:, None], result.scores)
        points, opt_state = sharding(_adam_step, schedule, *state, result.gradient, activation_limit)
        return AdamState(points, opt_state), candidates, scores

    return SearchAlgorithm(init, step, gradient_calls=1)


@brief
def _init(schedule: AdamSchedule, starts: Array) -> optax.OptState:
    return jax.vmap(schedule.optimizer.init)(starts)


def _adam_step(
    schedule: AdamSchedule,
    points: Array,
    opt_state: optax.OptState,
    grads: Array,
    activation_limit: Array | None,
) -> tuple[Array, optax.OptState]:
    """One step of Adam in standard units; a gradient that is not finite moves nothing."""

    def step(
        point: Array, opt_state: optax.OptState, grad: Array, activation_limit: Array | None
    ) -> tuple[Array, optax.OptState]:
        standard = jnp.where(jnp.isfinite(grad), grad, 0.0) * schedule.space.std
        updates, opt_state = schedule.optimizer.update(standard, opt_state)
        return clip(schedule.space, point + updates * schedule.space.std, activation_limit), opt_state

    return map_cases(step, points, opt_state, grads, activation_limit)
