"""The training step of one loss and one optimizer; frameworks that alternate write their own."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jaxface.classify.nets.layers import Dropout
from jaxface.core.types import Array
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Batch, Info, Step, TrainState

Loss = Callable[[Any, Batch, Array, Array], tuple[Array, Info]]
"""(networks in training mode, batch, key, step_fraction) -> the mean loss of the batch, and further scalars for
the log. `step_fraction`, () float32 in [0, 1), is the share of the steps that are done."""


def supervised_step(graphdef: nnx.GraphDef, loss: Loss, train: TrainConfig, trainable: Any = nnx.Param) -> Step:
    """Return a step that follows the gradient of one loss with the optimizer of the config.

    What is trained is switched to training mode (batch statistics, dropout) and keeps float32 parameters;
    networks compute in `train.dtype`. What is frozen stays in inference mode.

    Args:
        loss: of a batch, or of each of its `train.accumulate` parts; a mean over examples.
        trainable: an NNX filter: which parameters are trained; the others are frozen.
    """
    optimizer = make_optimizer(train.optimizer, train.steps)

    def init(state: nnx.State) -> TrainState:
        return init_train_state(state, trainable, optimizer.init, train)

    gradient = grad_fn(graphdef, loss, train.dtype, trainable)

    def update(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        fraction = step_fraction(state, train)
        grads, (non_trainable, info) = accumulate_gradients(
            gradient, train.accumulate, state.params, state.non_trainable, batch, key, fraction
        )
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        info = {**info, "gradient_norm": optax.tree.norm(grads)}
        ema = update_ema(state.ema, params, state.step, train.ema)
        return TrainState(params, non_trainable, opt_state, state.step + 1, ema), info

    return Step(init, update)


def init_train_state(
    state: nnx.State, trainable: Any, init_optimizers: Callable[[nnx.State], Any], train: TrainConfig
) -> TrainState:
    """Return the state before the first step; `trainable` is an NNX filter."""
    params, non_trainable = nnx.split_state(state, trainable, ...)
    ema = jax.tree.map(jnp.array, params) if train.ema else None
    return TrainState(params, non_trainable, init_optimizers(params), jnp.zeros((), jnp.int32), ema)


def step_fraction(state: TrainState, train: TrainConfig) -> Array:
    """Return the share of the steps that are done, () float32 in [0, 1)."""
    return (state.step / train.steps).astype(jnp.float32)


def grad_fn(graphdef: nnx.GraphDef, loss: Loss, dtype: str, trainable: Any) -> Callable[..., Any]:
    """Return (params, non_trainable, batch, key, step_fraction) -> (gradient of the loss by `params`,
    (non_trainable afterwards, info)).

    `trainable` is an NNX filter that matches all of `params`; networks compute in `dtype`.
    """

    def objective(
        params: nnx.State, non_trainable: nnx.State, batch: Batch, key: Array, fraction: Array
    ) -> Any:
        states = cast_params(dtype, params), cast_params(dtype, non_trainable)
        module = nnx.merge(graphdef, *states, copy=True)  # a copy, so that it can update its statistics
        with train_mode(module, params, key):
            value, info = loss(module, batch, key, fraction)
        _, after = nnx.split_state(nnx.state(module), trainable, ...)
        info = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(jnp.float32), {"loss": value, **info})
        return value.astype(jnp.float32), (_update_statistics(non_trainable, after), info)

    return jax.grad(objective, has_aux=True)


@contextlib.contextmanager
def train_mode(module: nnx.Module, params: nnx.State, key: Array) -> Iterator[None]:
    """Switch the layers of a merged module that have the attribute `training` on, while the block lasts.

    A layer is switched on where it holds one of `params`, which are trained; a `Dropout`, which has
    none and gets a key, where the module around it does. So frozen parts keep their statistics.
    """
    # Every prefix of a trained parameter's path: the modules that hold one.
    with_params = {path[:depth] for path, _ in nnx.to_flat_state(params) for depth in range(len(path))}
    layers: list[Any] = []
    for index, (path, layer) in enumerate(nnx.iter_modules(module)):
        owner = path[:-1] if isinstance(layer, Dropout) else path
        if hasattr(layer, "training") and owner in with_params:
            layer.training = True
            layers.append(layer)
        if isinstance(layer, Dropout) and layer.training:
            layer.key = jax.random.fold_in(key, index)
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False
            if isinstance(layer, Dropout):
                layer.key = None


def accumulate_gradients(
    gradient: Callable[..., Any],
    parts: int,
    params: Any,
    non_trainable: Any,
    batch: Batch,
    key: Array,
    fraction: Array,
) -> Any:
    """Return the mean (grads, (non_trainable, info)) of a batch's parts, the last's statistics.

    They are computed one after another by `gradient`, from `grad_fn`; each takes its share of what
    each device has of the batch.
    """
    if parts == 1:
        return gradient(params, non_trainable, batch, key, fraction)

    def split(leaf: Array) -> Array:
        return leaf.reshape(-1, parts, *leaf.shape[1:]).swapaxes(0, 1)

    def accumulate(carry: tuple[Any, Any], inputs: tuple[Array, Batch]) -> tuple[tuple[Any, Any], Info]:
        total, non_trainable = carry
        index, part = inputs
        part_key = jax.random.fold_in(key, index)
        grads, (non_trainable, info) = gradient(params, non_trainable, part, part_key, fraction)
        return (jax.tree.map(jnp.add, total, grads), non_trainable), info

    zeros = jax.tree.map(jnp.zeros_like, params)
    split_batch = jax.tree.map(split, dict(batch))
    (total, non_trainable), info = jax.lax.scan(
        accumulate, (zeros, non_trainable), (jnp.arange(parts), split_batch)
    )
    mean = jax.tree.map(lambda leaf: leaf / parts, total)
    return mean, (non_trainable, jax.tree.map(lambda leaf: leaf.mean(0), info))


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Return optax's rule with the schedule of `steps` updates; weights decay, biases and scales do not."""
    is_matrix = partial(jax.tree.map, lambda leaf: jnp.ndim(leaf) > 1)
    decay = optax.add_decayed_weights(config.weight_decay, mask=is_matrix)
    rule = {
        "adam": optax.chain(optax.scale_by_adam(config.momentum)),
        "adamw": optax.chain(optax.scale_by_adam(config.momentum), decay),
        "sgd": optax.chain(decay, optax.trace(config.momentum, nesterov=True)),
    }[config.name]
    clip = optax.clip_by_global_norm(config.clip) if config.clip else optax.identity()
    return optax.chain(clip, rule, optax.scale_by_learning_rate(make_schedule(config, steps)))


def make_schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """Return the learning rate at each update: linearly up from zero in the warm-up, then `config.schedule`."""
    rate, warmup = config.learning_rate, config.warmup
    decay_steps = max(steps - warmup, 1)
    decay = {
        "constant": optax.constant_schedule(rate),
        "cosine": optax.cosine_decay_schedule(rate, decay_steps),
        "linear": optax.linear_schedule(rate, 0.0, decay_steps),
    }[config.schedule]
    if not warmup:
        return decay
    return optax.join_schedules([optax.linear_schedule(0.0, rate, warmup), decay], [warmup])


def update_ema(ema: Any, params: Any, step: Array, decay: float) -> Any:
    """Return the moving average after one more update, or None where there is none.

    The decay is min(decay, (1 + step) / (10 + step)), as TensorFlow's with `num_updates`; the
    average begins at the first parameters, that of `optax.ema` at zero, which it corrects.
    """
    if ema is None:
        return None
    decay_now = jnp.minimum(decay, (1.0 + step) / (10.0 + step)).astype(jnp.float32)
    return jax.tree.map(lambda old, new: decay_now * old + (1 - decay_now) * new, ema, params)


def cast_params(dtype: str, state: nnx.State) -> nnx.State:
    """Return the state with parameters in the type that networks compute in; running statistics stay."""

    def cast(leaf: Any) -> Any:
        if isinstance(leaf, nnx.Param) and jnp.issubdtype(leaf[...].dtype, jnp.floating):
            return leaf.replace(leaf[...].astype(dtype))
        return leaf

    return jax.tree.map(cast, state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))


def _update_statistics(before: nnx.State, after: nnx.State) -> nnx.State:
    """Return what is not trained after a step: frozen parameters as before, statistics as after."""

    def select(old: Any, new: Any) -> Any:
        return old if isinstance(old, nnx.Param) else new.replace(new[...].astype(old[...].dtype))

    return jax.tree.map(select, before, after, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
