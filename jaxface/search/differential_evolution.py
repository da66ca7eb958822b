"""Differential evolution, many cases in one batch: best/1/bin with dither, on evosax.

evosax knows no bounds: trials are clipped between ask and tell, because the optimum of a saturating
objective lies on the faces of the box, where drawing anew wastes two calls of three (measured).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.pytrees import pytree, static
from jaxface.core.sharding import CaseSharding, map_cases, sharding_for
from jaxface.core.types import Array
from jaxface.search.best import Best, CallCounter, Evaluate, improve
from jaxface.search.config import SearchConfig
from jaxface.search.space import SearchSpace, clip

if TYPE_CHECKING:
    from evosax.algorithms import DifferentialEvolution


@pytree
class Evolution:
    """What all cases share: the space, and evosax's strategy with its parameters."""

    space: SearchSpace
    parameters: Any
    strategy: DifferentialEvolution = static()


def evolve(
    keys: Array,
    evaluate: Evaluate,
    first: Array | np.ndarray,
    space: SearchSpace,
    best: Best,
    active: np.ndarray,
    config: SearchConfig,
    ledger: CallCounter,
    ceiling: Array | np.ndarray | None = None,
    advance: Callable[[np.ndarray], None] = lambda finished: None,
    spread: CaseSharding | None = None,
) -> Best:
    """Evolve each active case until it reaches the target, stalls, or has spent its calls.

    Args:
        keys: (n,) one a case.
        first: (n, population, E) the first generation.
        best: what is known of each case; it never worsens.
        active: (n,) bool, the cases to work on.
        ledger: calls are entered here; it also says what they were before.
        ceiling: (n, N) how far each unit may be activated; None = 1.
        advance: told after each generation which cases have finished in it, (n,) bool.
        spread: the devices that work on it.
    """
    members = config.population
    spread = spread or sharding_for(len(active))
    strategy = _strategy(members, first.shape[-1])
    rules = spread.replicate(Evolution(space, _parameters(strategy, config), strategy))
    state, trials = None, first
    affordable = ledger.calls + members <= config.max_evaluations
    advance(active & ~affordable)
    active = active & affordable
    since = np.zeros(len(active), int)
    generation = 0
    while active.any():
        if state is not None:
            generations = np.full(len(active), generation)
            trials = spread(_ask, rules, keys, generations, state, ceiling, active=active)
        scores = evaluate(trials, active)
        state = spread(_tell, rules, keys, trials, scores.loss, state, active=active)
        before = np.asarray(best.loss)
        best = jax.block_until_ready(improve(best, trials, scores, config.target))
        ledger.charge(active, forward=members)
        since = np.where(np.asarray(best.loss) < before, 0, since + 1)
        reached = np.asarray(best.probability) > config.target
        stalled = active & ~reached & (since >= config.plateau)
        ledger.stalled |= stalled
        finished = active & (reached | stalled | (ledger.calls + members > config.max_evaluations))
        advance(finished)
        active = active & ~finished
        generation += 1
    return best


@lru_cache(maxsize=8)
def _strategy(members: int, size: int) -> DifferentialEvolution:
    """evosax compiles anew for each strategy object (some ten seconds), so equal ones are the same object."""
    from evosax.algorithms import (
        DifferentialEvolution,
    )  # its import starts JAX's backend: not before it is used

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
    rules: Evolution, keys: Array, generations: Array, state: Any, ceiling: Array | None, active: Array
) -> Array:
    """The trials of the next generation, (n, population, E)."""

    def one(key: Array, generation: Array, state: Any, ceiling: Array | None) -> Array:
        trials, _ = rules.strategy.ask(jax.random.fold_in(key, generation), state, rules.parameters)
        return clip(rules.space, trials, None if ceiling is None else ceiling[None])

    return map_cases(one, keys, generations, state, ceiling)


def _tell(rules: Evolution, keys: Array, trials: Array, losses: Array, state: Any | None, active: Array) -> Any:
    """The state after the trials have been scored; the state of the first generation where `state` is None."""

    def one(key: Array, trials: Array, losses: Array, state: Any | None) -> Any:
        losses = jnp.where(jnp.isnan(losses), jnp.inf, losses)
        if state is None:
            state = rules.strategy.init(key, trials, losses, rules.parameters)
        else:
            state, _ = rules.strategy.tell(key, trials, losses, state, rules.parameters)
        return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, jnp.result_type(leaf)), state)

    return map_cases(one, keys, trials, losses, state)
