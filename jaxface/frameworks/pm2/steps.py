"""The three steps of Section 3.4, each a pure function, with an optimiser of the encoder and one of the
classifiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jaxface.core.types import Array
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import Batch, Info, Step, TrainState
from jaxface.frameworks.common.step import (
    accumulate_gradients,
    grad_fn,
    make_optimizer,
    supervised_step,
    update_ema,
)
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.objectives import PROGRESS, first_step, second_step, single, third_step


class Moments(NamedTuple):
    """The optimisers' states: of E, and of C1 and C2."""

    encoder: Any
    classifiers: Any


Phase = Callable[[TrainState, Batch, Array], tuple[TrainState, Info]]
"""One of the three steps: (state, batch, key) -> (state, info). It leaves alone what it does not train, and
the state's counter."""


class Phases(NamedTuple):
    """Steps 1, 2 and 3, and the optimisers' beginning."""

    first: Phase
    second: Phase
    third: Phase
    begin: Callable[[nnx.State], Moments]


def of_encoder(path: tuple[Any, ...], leaf: Any) -> bool:
    """An NNX filter: what is trained of E."""
    return isinstance(leaf, nnx.Param) and path[0] == "encoder"


def of_classifiers(path: tuple[Any, ...], leaf: Any) -> bool:
    """An NNX filter: what is trained of C1 and C2."""
    return isinstance(leaf, nnx.Param) and path[0] != "encoder"


def make_step(config: Pm2Config, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """The method's step: one loss, or three in turn."""
    if config.alternates:
        return alternating_step(config, train, graphdef)
    inner = supervised_step(graphdef, single(config), train)

    def update(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        done = jnp.full(batch["units"].shape[:1], state.step / train.steps, jnp.float32)
        return inner.update(state, {**batch, PROGRESS: done}, key)

    return Step(inner.init, update)


def alternating_step(config: Pm2Config, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """Steps 1, 2 and 3 on one batch; step 3 `config.repeats` times, and not at all where alpha is 0."""
    repeats = config.repeats if config.alpha else 0
    run = phases(config, train, graphdef)

    def init(state: nnx.State) -> TrainState:
        params, rest = nnx.split_state(state, nnx.Param, ...)
        average = jax.tree.map(jnp.array, params) if train.average else None
        return TrainState(params, rest, run.begin(params), jnp.zeros((), jnp.int32), average)

    def update(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        keys = jax.random.split(key, 2 + repeats)
        after, info = run.first(state, batch, keys[0])
        after, told = run.second(after, batch, keys[1])
        info = {**info, **{name: value for name, value in told.items() if name == "discrepancy"}}
        for number in range(repeats):  # a loop inside XLA would take several times as long on a CPU
            after, _ = run.third(after, batch, keys[2 + number])
        average = update_ema(state.average, after.params, state.step, train.average)
        return after._replace(step=state.step + 1, average=average), info

    return Step(init, update)


def phases(config: Pm2Config, train: TrainConfig, graphdef: nnx.GraphDef) -> Phases:
    """The three steps of a method, with an optimiser of the encoder and one of the classifiers between them."""
    repeats = config.repeats if config.alpha else 0
    of_e, of_c = (optimiser_of(train, updates) for updates in (1 + repeats, 2))

    def begin(params: nnx.State) -> Moments:
        encoder, classifiers = _halves(params)
        return Moments(of_e.init(encoder), of_c.init(classifiers))

    def first(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        gradient, (rest, info) = accumulate_gradients(
            both, train.accumulate, state.params, state.rest, batch, key
        )
        (encoder, classifiers), moments = _halves(state.params), state.optimiser
        slopes = _halves(gradient)
        encoder, one = _moved(of_e, slopes[0], moments.encoder, encoder)
        classifiers, other = _moved(of_c, slopes[1], moments.classifiers, classifiers)
        state = state._replace(params=nnx.merge_state(encoder, classifiers), rest=rest)
        info = {**info, "gradient_norm": optax.tree.norm(gradient)}
        return state._replace(optimiser=Moments(one, other)), info

    def second(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        encoder, classifiers = _halves(state.params)
        fixed = nnx.merge_state(encoder, state.rest)
        slope, (_, info) = accumulate_gradients(heads, train.accumulate, classifiers, fixed, batch, key)
        classifiers, after = _moved(of_c, slope, state.optimiser.classifiers, classifiers)
        moments = state.optimiser._replace(classifiers=after)
        return state._replace(params=nnx.merge_state(encoder, classifiers), optimiser=moments), info

    def third(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        encoder, classifiers = _halves(state.params)
        fixed = nnx.merge_state(classifiers, state.rest)
        slope, (seen, info) = accumulate_gradients(features, train.accumulate, encoder, fixed, batch, key)
        _, rest = nnx.split_state(seen, nnx.Param, ...)
        encoder, after = _moved(of_e, slope, state.optimiser.encoder, encoder)
        moments = state.optimiser._replace(encoder=after)
        params = nnx.merge_state(encoder, classifiers)
        return state._replace(params=params, rest=rest, optimiser=moments), info

    both = grad_fn(graphdef, first_step(config), train.dtype, nnx.Param)
    heads = grad_fn(graphdef, second_step(config), train.dtype, of_classifiers)
    features = grad_fn(graphdef, third_step(config), train.dtype, of_encoder)
    return Phases(first, second, third, begin)


def _halves(params: nnx.State) -> tuple[nnx.State, nnx.State]:
    """E, and C1 with C2."""
    encoder, classifiers = nnx.split_state(params, of_encoder, of_classifiers)
    return encoder, classifiers


def optimiser_of(train: TrainConfig, updates: int) -> optax.GradientTransformation:
    """With a schedule that counts the updates, of which a step has several."""
    longer = replace(train.optimiser, warmup=updates * train.optimiser.warmup)
    return make_optimizer(longer, updates * train.steps)


def _moved(
    rule: optax.GradientTransformation, slope: nnx.State, moments: Any, params: nnx.State
) -> tuple[nnx.State, Any]:
    moves, moments = rule.update(slope, moments, params)
    moved: nnx.State = optax.apply_updates(params, moves)
    return moved, moments
