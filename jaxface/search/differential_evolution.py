"""Differential evolution, many cases in one batch: best/1/bin with dither, on evosax.

evosax knows no bounds: trials are clipped between ask and tell, because the optimum of a saturating
objective lies on the faces of the box, where drawing anew wastes two calls of three (measured).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms import DifferentialEvolution

from jaxface.core.types import Array
from jaxface.search.best import Best, Evaluate, Ledger, improve
from jaxface.search.config import SearchConfig
from jaxface.search.space import SearchSpace, clip, expand


def evolve(
    keys: Array,
    evaluate: Evaluate,
    first: Array,
    space: SearchSpace,
    best: Best,
    active: np.ndarray,
    config: SearchConfig,
    ledger: Ledger,
    ceiling: Array | None = None,
    advance: Callable[[np.ndarray], None] = lambda finished: None,
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
    """
    members = config.population
    strategy = _strategy(members, first.shape[-1])
    parameters = _parameters(strategy, config)
    state, trials = None, first
    affordable = ledger.calls + members <= config.max_evaluations
    advance(active & ~affordable)
    active = active & affordable
    since = np.zeros(len(active), int)
    generation = 0
    while active.any():
        if state is not None:
            trials = _ask(strategy, keys, generation, state, space, ceiling, parameters)
        scores = evaluate(trials, jnp.asarray(active))
        state = _tell(strategy, keys, trials, scores.loss, state, parameters)
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


@partial(jax.jit, static_argnums=0)
def _ask(
    strategy: DifferentialEvolution,
    keys: Array,
    generation: int,
    state: Any,
    space: SearchSpace,
    ceiling: Array | None,
    parameters: Any,
) -> Array:
    def one(key: Array, state: Any) -> Array:
        trials, _ = strategy.ask(jax.random.fold_in(key, generation), state, parameters)
        return trials

    return clip(space, jax.vmap(one)(keys, state), expand(ceiling, 1))


@partial(jax.jit, static_argnums=0)
def _tell(
    strategy: DifferentialEvolution,
    keys: Array,
    trials: Array,
    losses: Array,
    state: Any | None,
    parameters: Any,
) -> Any:
    """The state after the trials have been scored; the state of the first generation where `state` is None."""
    losses = jnp.where(jnp.isnan(losses), jnp.inf, losses)
    if state is None:
        state = jax.vmap(lambda key, trial, loss: strategy.init(key, trial, loss, parameters))(
            keys, trials, losses
        )
    else:
        state, _ = jax.vmap(lambda *one: strategy.tell(*one, parameters))(keys, trials, losses, state)
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), state)
