"""The training step of one loss and one optimiser; frameworks that alternate write their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jaxface.core.types import Array
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Batch, Info, Step, TrainState
from jaxface.frameworks.common.modes import train_mode

Loss = Callable[[nnx.Module, Batch, Array], tuple[Array, Info]]
"""(networks in training mode, batch, key) -> the mean loss of the batch and what else is worth a line in the
log."""


def supervised_step(graphdef: nnx.GraphDef, loss: Loss, train: TrainConfig, trainable: Any = nnx.Param) -> Step:
    """A step that follows the gradient of one loss with the optimiser of the config.

    What is trained is switched to training mode (batch statistics, dropout) and keeps float32 parameters;
    networks compute in `train.dtype`. What is frozen stays in inference mode.

    Args:
        graphdef: of the networks.
        loss: of a batch, or of each of its `train.accumulate` parts, which then must be a mean.
        trainable: an NNX filter: which parameters are trained; the others are frozen.
    """
    optimiser = make_optimizer(train.optimiser, train.steps)

    def init(state: nnx.State) -> TrainState:
        params, rest = nnx.split_state(state, trainable, ...)
        average = jax.tree.map(jnp.array, params) if train.average else None
        return TrainState(params, rest, optimiser.init(params), jnp.zeros((), jnp.int32), average)

    slope = grad_fn(graphdef, loss, train.dtype, trainable)

    def update(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        gradient, (rest, info) = accumulate_gradients(
            slope, train.accumulate, state.params, state.rest, batch, key
        )
        moves, moments = optimiser.update(gradient, state.optimiser, state.params)
        params = optax.apply_updates(state.params, moves)
        info = {**info, "gradient_norm": optax.tree.norm(gradient)}
        average = update_ema(state.average, params, state.step, train.average)
        return TrainState(params, rest, moments, state.step + 1, average), info

    return Step(init, update)


def grad_fn(graphdef: nnx.GraphDef, loss: Loss, dtype: str, trainable: Any) -> Callable[..., Any]:
    """(params, rest, batch, key) -> the gradient of a loss by `params`, and (rest afterwards, info).

    Args:
        dtype: what networks compute in.
        trainable: an NNX filter, which `params` are all of; `rest` is everything else, frozen parameters and
            statistics.
    """

    def objective(params: nnx.State, rest: nnx.State, batch: Batch, key: Array) -> Any:
        numbers = cast_params(dtype, params), cast_params(dtype, rest)
        module = nnx.merge(graphdef, *numbers, copy=True)  # it may then move its statistics
        with train_mode(module, params, key):
            value, info = loss(module, batch, key)
        _, after = nnx.split_state(nnx.state(module), trainable, ...)
        info = {"loss": value, **info}
        return value.astype(jnp.float32), (_statistics(rest, after), jax.tree.map(_float32, info))

    return jax.grad(objective, has_aux=True)


def accumulate_gradients(
    slope: Callable[..., Any], parts: int, params: Any, rest: Any, batch: Batch, key: Array
) -> Any:
    """The mean gradient and info of the parts of a batch, computed one after another; the statistics of the
    last.

    Args:
        slope: (params, rest, batch, key) -> (gradient, (rest, info)).
        parts: how many; every one takes its share of what each device has of the batch.
    """
    if parts == 1:
        return slope(params, rest, batch, key)

    def split(leaf: Array) -> Array:
        return leaf.reshape(-1, parts, *leaf.shape[1:]).swapaxes(0, 1)

    def one(carry: tuple[Any, Any], given: tuple[Array, Batch]) -> tuple[tuple[Any, Any], Info]:
        total, rest = carry
        number, part = given
        gradient, (rest, info) = slope(params, rest, part, jax.random.fold_in(key, number))
        return (jax.tree.map(jnp.add, total, gradient), rest), info

    zeros = jax.tree.map(jnp.zeros_like, params)
    shares = jax.tree.map(split, dict(batch))
    (total, rest), info = jax.lax.scan(one, (zeros, rest), (jnp.arange(parts), shares))
    mean = jax.tree.map(lambda leaf: leaf / parts, total)
    return mean, (rest, jax.tree.map(lambda leaf: leaf.mean(0), info))


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Optax's, with the schedule of `steps` updates; weights decay, biases and scales do not."""
    rate = make_schedule(config, steps)
    decay = optax.add_decayed_weights(config.weight_decay, mask=_matrices)
    rule = {
        "adam": optax.chain(optax.scale_by_adam(config.momentum)),
        "adamw": optax.chain(optax.scale_by_adam(config.momentum), decay),
        "sgd": optax.chain(decay, optax.trace(config.momentum, nesterov=True)),
    }[config.name]
    clip = optax.clip_by_global_norm(config.clip) if config.clip else optax.identity()
    return optax.chain(clip, rule, optax.scale_by_learning_rate(rate))


def make_schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """The learning rate at each update: up from zero in the warm-up, then as the schedule says."""
    after = max(steps - config.warmup, 1)
    falling = {
        "constant": optax.constant_schedule(config.learning_rate),
        "cosine": optax.cosine_decay_schedule(config.learning_rate, after),
        "linear": optax.linear_schedule(config.learning_rate, 0.0, after),
    }[config.schedule]
    if not config.warmup:
        return falling
    rising = optax.linear_schedule(0.0, config.learning_rate, config.warmup)
    return optax.join_schedules([rising, falling], [config.warmup])


def update_ema(average: Any, params: Any, step: Array, decay: float) -> Any:
    """The moving average after one more update: slower as training goes on, up to `decay` (as TensorFlow's)."""
    if average is None:
        return None
    kept = jnp.minimum(decay, (1.0 + step) / (10.0 + step)).astype(jnp.float32)
    return jax.tree.map(lambda old, new: kept * old + (1 - kept) * new, average, params)


def cast_params(dtype: str, state: nnx.State) -> nnx.State:
    """Parameters in the type that networks compute in; running statistics stay as they are."""

    def cast(leaf: Any) -> Any:
        if isinstance(leaf, nnx.Param) and jnp.issubdtype(leaf[...].dtype, jnp.floating):
            return leaf.replace(leaf[...].astype(dtype))
        return leaf

    return jax.tree.map(cast, state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))


def _statistics(before: nnx.State, after: nnx.State) -> nnx.State:
    """What was not trained, after a step: frozen parameters as they were, statistics as they have become."""

    def chosen(old: Any, new: Any) -> Any:
        return old if isinstance(old, nnx.Param) else new.replace(new[...].astype(old[...].dtype))

    return jax.tree.map(chosen, before, after, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))


def _matrices(params: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.ndim(leaf) > 1, params)


def _float32(leaf: Array) -> Array:
    return jnp.asarray(leaf).astype(jnp.float32)
