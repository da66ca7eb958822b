"""The three steps of Section 3.4, with optimizers of the encoder and of the classifiers."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx

from jaxface.core.types import Array
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import Batch, Info, Step, TrainState
from jaxface.frameworks.common.step import (
    Loss,
    accumulate_gradients,
    grad_fn,
    init_train_state,
    make_optimizer,
    step_fraction,
    supervised_step,
    update_ema,
)
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.objectives import first_step, second_step, single_loss, third_step

Phase = Callable[[TrainState, Batch, Array], tuple[TrainState, Info]]
"""One of the three steps: (state, batch, key) -> (state, info). It does not change what it does not train, nor
the state's counter."""


class Phases(NamedTuple):
    """Steps 1, 2 and 3, and the optimizers' initial states."""

    train_source: Phase  # step 1, of all parts on the source
    maximize_discrepancy: Phase  # step 2, of the classifiers on the target
    minimize_discrepancy: Phase  # step 3, of the encoder on the target
    init: Callable[[nnx.State], dict[str, Any]]  # params -> states, by name of `PARTS`


def _is_encoder(path: tuple[Any, ...], leaf: Any) -> bool:
    return isinstance(leaf, nnx.Param) and path[0] == "encoder"


def _is_classifier(path: tuple[Any, ...], leaf: Any) -> bool:
    return isinstance(leaf, nnx.Param) and path[0] != "encoder"


PARTS = {"encoder": _is_encoder, "classifiers": _is_classifier}
"""E, and C1 with C2: each an NNX filter of its trainable parameters."""


def make_step(config: Pm2Config, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """Return the method's step: one loss, or steps 1, 2 and 3 on one batch.

    Step 3 is repeated `config.repeats` times, and left out where alpha is 0.
    """
    if not config.alternates:
        return supervised_step(graphdef, partial(single_loss, config), train)
    repeats = config.repeats if config.alpha else 0
    run = phases(config, train, graphdef)

    def init(state: nnx.State) -> TrainState:
        return init_train_state(state, nnx.Param, run.init, train)

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
    updates = {"encoder": 1 + repeats, "classifiers": 2}
    optimizers = {name: make_longer_optimizer(train, count) for name, count in updates.items()}

    def init(params: nnx.State) -> dict[str, Any]:
        return {name: optimizers[name].init(nnx.filter_state(params, part)) for name, part in PARTS.items()}

    def phase(loss: Loss, names: tuple[str, ...], update_statistics: bool = True) -> Phase:
        """Return the step that trains the parts of these names; the others are constants."""
        trainable = nnx.Any(*(PARTS[name] for name in names))
        gradient = grad_fn(graphdef, loss, train.dtype, trainable)

        def update(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
            params, frozen_params = nnx.split_state(state.params, trainable, ...)
            constants = nnx.merge_state(frozen_params, state.non_trainable)
            grads, (after, info) = accumulate_gradients(
                gradient, train.accumulate, params, constants, batch, key, step_fraction(state, train)
            )
            new_params, opt_state = frozen_params, dict(state.opt_state)
            for name in names:
                part, part_grads = (nnx.filter_state(tree, PARTS[name]) for tree in (params, grads))
                steps, opt_state[name] = optimizers[name].update(part_grads, opt_state[name], part)
                new_params = nnx.merge_state(new_params, optax.apply_updates(part, steps))
            if update_statistics:
                state = state._replace(non_trainable=nnx.filter_state(after, nnx.Not(nnx.Param)))
            info = {**info, "gradient_norm": optax.tree.norm(grads)}
            return state._replace(params=new_params, opt_state=opt_state), info

        return update

    return Phases(
        phase(partial(first_step, config), ("encoder", "classifiers")),
        phase(partial(second_step, config), ("classifiers",), update_statistics=False),
        phase(partial(third_step, config), ("encoder",)),
        init,
    )


def make_longer_optimizer(train: TrainConfig, updates: int) -> optax.GradientTransformation:
    """Return the optimizer with a schedule that counts updates, of which a step has several."""
    config = replace(train.optimizer, warmup=updates * train.optimizer.warmup)
    return make_optimizer(config, updates * train.steps)
