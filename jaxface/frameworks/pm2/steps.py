"""The three steps of Section 3.4, each a pure function, with an optimizer of the encoder and one of the
classifiers."""

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
    step_fraction,
    supervised_step,
    update_ema,
)
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.objectives import first_step, second_step, single_loss, third_step


class OptStates(NamedTuple):
    """The optimizers' states: of E, and of C1 and C2."""

    encoder: Any
    classifiers: Any


Phase = Callable[[TrainState, Batch, Array], tuple[TrainState, Info]]
"""One of the three steps: (state, batch, key) -> (state, info). It does not change what it does not train, nor
the state's counter."""


class Phases(NamedTuple):
    """Steps 1, 2 and 3, and the optimizers' initial states.

    Attributes:
        train_source: step 1, of all parts on the source.
        maximize_discrepancy: step 2, of the classifiers on the target.
        minimize_discrepancy: step 3, of the encoder on the target.
        init: params -> the optimizers' states.
    """

    train_source: Phase
    maximize_discrepancy: Phase
    minimize_discrepancy: Phase
    init: Callable[[nnx.State], OptStates]


def is_encoder(path: tuple[Any, ...], leaf: Any) -> bool:
    """An NNX filter: the trainable parameters of E."""
    return isinstance(leaf, nnx.Param) and path[0] == "encoder"


def is_classifier(path: tuple[Any, ...], leaf: Any) -> bool:
    """An NNX filter: the trainable parameters of C1 and C2."""
    return isinstance(leaf, nnx.Param) and path[0] != "encoder"


def make_step(config: Pm2Config, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """Return the method's step: one loss, or three in turn."""
    if config.alternates:
        return alternating_step(config, train, graphdef)
    return supervised_step(graphdef, single_loss(config), train)


def alternating_step(config: Pm2Config, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """Return steps 1, 2 and 3 on one batch; step 3 `config.repeats` times, and not at all where alpha is 0."""
    repeats = config.repeats if config.alpha else 0
    run = phases(config, train, graphdef)

    def init(state: nnx.State) -> TrainState:
        params, non_trainable = nnx.split_state(state, nnx.Param, ...)
        ema = jax.tree.map(jnp.array, params) if train.ema else None
        return TrainState(params, non_trainable, run.init(params), jnp.zeros((), jnp.int32), ema)

    def update(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        keys = jax.random.split(key, 2 + repeats)
        after, info = run.train_source(state, batch, keys[0])
        after, second_info = run.maximize_discrepancy(after, batch, keys[1])
        info = {**info, **{name: value for name, value in second_info.items() if name == "discrepancy"}}
        for repeat in range(repeats):  # a loop inside XLA would take several times as long on a CPU
            after, _ = run.minimize_discrepancy(after, batch, keys[2 + repeat])
        ema = update_ema(state.ema, after.params, state.step, train.ema)
        return after._replace(step=state.step + 1, ema=ema), info

    return Step(init, update)


def phases(config: Pm2Config, train: TrainConfig, graphdef: nnx.GraphDef) -> Phases:
    """Return the three steps of a method, with an optimizer of the encoder and one of the classifiers."""
    repeats = config.repeats if config.alpha else 0
    encoder_opt, head_opt = (make_longer_optimizer(train, updates) for updates in (1 + repeats, 2))

    def init(params: nnx.State) -> OptStates:
        encoder, classifiers = _split_parts(params)
        return OptStates(encoder_opt.init(encoder), head_opt.init(classifiers))

    def train_source(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        grads, (non_trainable, info) = accumulate_gradients(
            of_all, train.accumulate, state.params, state.non_trainable, batch, key, step_fraction(state, train)
        )
        (encoder, classifiers), (encoder_grads, head_grads) = _split_parts(state.params), _split_parts(grads)
        encoder, encoder_state = _apply(encoder_opt, encoder_grads, state.opt_state.encoder, encoder)
        classifiers, head_state = _apply(head_opt, head_grads, state.opt_state.classifiers, classifiers)
        info = {**info, "gradient_norm": optax.tree.norm(grads)}
        state = state._replace(
            params=nnx.merge_state(encoder, classifiers),
            non_trainable=non_trainable,
            opt_state=OptStates(encoder_state, head_state),
        )
        return state, info

    def maximize_discrepancy(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        encoder, classifiers = _split_parts(state.params)
        constants = nnx.merge_state(encoder, state.non_trainable)
        grads, (_, info) = accumulate_gradients(
            of_classifiers, train.accumulate, classifiers, constants, batch, key, step_fraction(state, train)
        )
        classifiers, head_state = _apply(head_opt, grads, state.opt_state.classifiers, classifiers)
        state = state._replace(
            params=nnx.merge_state(encoder, classifiers),
            opt_state=state.opt_state._replace(classifiers=head_state),
        )
        return state, info

    def minimize_discrepancy(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        encoder, classifiers = _split_parts(state.params)
        constants = nnx.merge_state(classifiers, state.non_trainable)
        grads, (after, info) = accumulate_gradients(
            of_encoder, train.accumulate, encoder, constants, batch, key, step_fraction(state, train)
        )
        _, non_trainable = nnx.split_state(after, nnx.Param, ...)
        encoder, encoder_state = _apply(encoder_opt, grads, state.opt_state.encoder, encoder)
        state = state._replace(
            params=nnx.merge_state(encoder, classifiers),
            non_trainable=non_trainable,
            opt_state=state.opt_state._replace(encoder=encoder_state),
        )
        return state, info

    of_all = grad_fn(graphdef, first_step(config), train.dtype, nnx.Param)
    of_classifiers = grad_fn(graphdef, second_step(config), train.dtype, is_classifier)
    of_encoder = grad_fn(graphdef, third_step(config), train.dtype, is_encoder)
    return Phases(train_source, maximize_discrepancy, minimize_discrepancy, init)


def make_longer_optimizer(train: TrainConfig, updates: int) -> optax.GradientTransformation:
    """Return the optimizer with a schedule that counts updates, of which a step has several."""
    config = replace(train.optimizer, warmup=updates * train.optimizer.warmup)
    return make_optimizer(config, updates * train.steps)


def _split_parts(params: nnx.State) -> tuple[nnx.State, nnx.State]:
    """Split parameters, or gradients, into E, and C1 with C2."""
    encoder, classifiers = nnx.split_state(params, is_encoder, is_classifier)
    return encoder, classifiers


def _apply(
    optimizer: optax.GradientTransformation, grads: nnx.State, opt_state: Any, params: nnx.State
) -> tuple[nnx.State, Any]:
    """Return the parameters and the optimizer's state after one update."""
    updates, opt_state = optimizer.update(grads, opt_state, params)
    new_params: nnx.State = optax.apply_updates(params, updates)
    return new_params, opt_state
