"""Differential evolution, many cases in one batch: best/1/bin with dither, on evosax.

evosax has no bounds, so trials are clipped between ask and tell. The optimum of a saturating objective lies
on the faces of the box, where sampling again until a trial is inside wastes two calls of three (measured).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.pytrees import pytree, static
from jaxface.core.sharding import CaseSharding, map_cases
from jaxface.core.types import Array
from jaxface.search.algorithm import SearchAlgorithm
from jaxface.search.config import SearchConfig
from jaxface.search.objective import Scores
from jaxface.search.space import SearchSpace, clip

if TYPE_CHECKING:
    from evosax.algorithms import DifferentialEvolution

ScoreFunction = Callable[[Any, np.ndarray], Scores]
"""(candidates (n, P, E), active (n,) bool) -> scores (n, P); inactive cases cost nothing and score
infinity."""


@pytree
class Evolution:
    """What all cases share: the space, and evosax's strategy with its parameters."""

    space: SearchSpace
    parameters: Any
    strategy: DifferentialEvolution = static()


class Generation(NamedTuple):
    """The generation to score next.

    Attributes:
        number: from 0.
        first: (n, population, E), the trials of generation 0.
        strategy_state: evosax's, of each case; None before the first generation has been scored.
    """

    number: int
    first: Any
    strategy_state: Any


def evolution(
    keys: Array,
    score: ScoreFunction,
    space: SearchSpace,
    activation_limit: np.ndarray | None,
    config: SearchConfig,
    sharding: CaseSharding,
) -> SearchAlgorithm:
    """Return differential evolution as a `SearchAlgorithm`, from first generations (n, population, E).

    Args:
        keys: (n,) one a case.
        activation_limit: (n, N) largest activation of each unit; None = 1.
    """
    strategy = _strategy(config.population, space.lower.shape[0])
    common = sharding.replicate(Evolution(space, _parameters(strategy, config), strategy))

    def init(first: Any) -> Generation:
        return Generation(0, first, None)

    def step(state: Generation, active: np.ndarray) -> tuple[Generation, Any, Scores]:
        trials = state.first
        if state.strategy_state is not None:
            numbers = np.full(len(active), state.number)
            trials = sharding(_ask, common, keys, numbers, state.strategy_state, activation_limit)
        scores = score(trials, active)
        strategy_state = sharding(_tell, common, keys, trials, scores.loss, state.strategy_state, brief=True)
        return Generation(state.number + 1, state.first, strategy_state), trials, scores

    return SearchAlgorithm(init, step, forward_calls=config.population)


@lru_cache(maxsize=8)
def _strategy(members: int, size: int) -> DifferentialEvolution:
    """evosax compiles anew for each strategy object (some ten seconds), so equal ones are one object."""
    # Importing evosax starts JAX's backend, which must not happen before it is used.
    from evosax.algorithms import DifferentialEvolution

    with jax.ensure_compile_time_eval():
        return DifferentialEvolution(population_size=members, solution=jnp.zeros(size))


def _parameters(strategy: DifferentialEvolution, config: SearchConfig) -> Any:
    return strategy.default_params.replace(
        elitism=True,
        crossover_rate=config.crossover,
        differential_weight=config.dither_max,
        differential_weight_min=config.dither_min,
        differential_weight_max=config.dither_max,
    )


def _ask(
    common: Evolution, keys: Array, generations: Array, state: Any, activation_limit: Array | None
) -> Array:
    """The trials of the next generation, (n, population, E)."""

    def ask(key: Array, generation: Array, state: Any, limit: Array | None) -> Array:
        trials, _ = common.strategy.ask(jax.random.fold_in(key, generation), state, common.parameters)
        return clip(common.space, trials, None if limit is None else limit[None])

    return map_cases(ask, keys, generations, state, activation_limit)


def _tell(common: Evolution, keys: Array, trials: Array, losses: Array, state: Any | None) -> Any:
    """The state after the trials have been scored; the first state where `state` is None."""

    def tell(key: Array, trials: Array, losses: Array, state: Any | None) -> Any:
        losses = jnp.where(jnp.isnan(losses), jnp.inf, losses)
        if state is None:
            state = common.strategy.init(key, trials, losses, common.parameters)
        else:
            state, _ = common.strategy.tell(key, trials, losses, state, common.parameters)
        # Strong types, so that the second call has the types of the first and is not traced again.
        return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.result_type(leaf)), state)

    return map_cases(tell, keys, trials, losses, state)
