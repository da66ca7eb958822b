"""Cost of a training step, beside the same step in a plain Flax and optax loop."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jaxface import frameworks
from jaxface.bench.harness import seconds
from jaxface.bench.settings import TrainSettings
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.nets.layers import BatchNorm
from jaxface.classify.preprocess import prepare
from jaxface.core.sharding import mesh_for, replicate, shard_batch
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.frameworks.classifier import ClassifierConfig
from jaxface.frameworks.classifier.networks import card_of
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import programs

Loop = Callable[[], None]


def run(settings: TrainSettings) -> Iterator[dict[str, Any]]:
    """Yield a row for each network and loop; "ground" is jaxface's loop, "plain" the reference.

    One device. Both loops get NumPy batches and fetch the loss of the last step.
    """
    task = Task(labels=BASE_EXPRESSIONS, size=settings.size)
    random = np.random.default_rng(0)
    shape = (settings.batch, settings.size, settings.size, 3)
    batch: dict[str, np.ndarray] = {
        "image": random.integers(0, 256, shape).astype(np.uint8),
        "label": random.integers(0, len(task.labels), settings.batch).astype(np.int32),
    }
    for name in settings.architectures:
        config = ClassifierConfig(name)
        loops = {
            "ground": jaxface_loop(config, task, batch, settings),
            "plain": reference_loop(config, task, batch, settings),
        }
        timings = time_in_turn(loops, settings.repeats)
        for loop, timing in timings.items():
            yield {
                "name": f"{name}/{loop}",
                "batch": settings.batch,
                "size": settings.size,
                "compile_s": timing.compile_s,
                "run_s": timing.run_s / settings.steps,
                "cpu_s": timing.cpu_s / settings.steps,
                "images_per_s": settings.batch * settings.steps / timing.run_s,
                "cpu_over_plain": timing.cpu_s / timings["plain"].cpu_s,
            }


class Timing(NamedTuple):
    """Seconds of a loop: the first call less a later one, then wall and CPU seconds of the fastest."""

    compile_s: float
    run_s: float
    cpu_s: float


def time_in_turn(loops: dict[str, Loop], repeats: int) -> dict[str, Timing]:
    """Time the loops in turn, so that what else the machine does falls on all of them."""
    first = {name: seconds(loop) for name, loop in loops.items()}
    timings = [{name: seconds(loop) for name, loop in loops.items()} for _ in range(repeats)]
    fastest = {name: [min(timing[name][i] for timing in timings) for i in (0, 1)] for name in loops}
    return {
        name: Timing(max(first[name][0] - fastest[name][0], 0.0), fastest[name][0], fastest[name][1])
        for name in loops
    }


def jaxface_loop(
    config: ClassifierConfig, task: Task, batch: dict[str, np.ndarray], settings: TrainSettings
) -> Loop:
    """Return the steps of `frameworks.common.fit`, without its files."""
    fns = programs(frameworks.load("classifier"), config, task, TrainConfig(batch=settings.batch))
    mesh = mesh_for(settings.batch, jax.local_devices()[:1])
    state, root = replicate(fns.init(0), mesh), replicate(jax.random.key(0), mesh)

    def loop() -> None:
        nonlocal state
        for _ in range(settings.steps):
            state, info = fns.update(state, shard_batch(batch, mesh), root)
        jax.device_get(dict(info))

    return loop


def reference_loop(
    config: ClassifierConfig, task: Task, batch: dict[str, np.ndarray], settings: TrainSettings
) -> Loop:
    """Return the same steps written plainly: the network split once, one jitted function, optax's
    AdamW."""
    card = card_of(config, task)
    net = nnx.jit(lambda: ARCHITECTURES[config.architecture].net(len(task.labels), rngs=nnx.Rngs(0)))()
    for _, layer in nnx.iter_modules(net):
        if isinstance(layer, BatchNorm):
            layer.training = True
    graphdef, state = nnx.split(net)
    params, batch_stats = nnx.split_state(state, nnx.Param, ...)
    optimizer = optax.adamw(1e-3)
    opt_state = optimizer.init(params)

    def train_step(params: Any, batch_stats: Any, opt_state: Any, images: jax.Array, labels: jax.Array) -> Any:
        def loss_fn(params: Any) -> Any:
            net = nnx.merge(graphdef, params, batch_stats, copy=True)
            logits, _ = net(prepare(images.astype(jnp.float32) / 255, card))
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
            return loss, nnx.state(net, nnx.BatchStat)

        (loss, new_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), new_stats, opt_state, loss

    step = jax.jit(train_step, donate_argnums=(0, 1, 2))

    def loop() -> None:
        nonlocal params, batch_stats, opt_state
        for _ in range(settings.steps):
            params, batch_stats, opt_state, loss = step(
                params, batch_stats, opt_state, batch["image"], batch["label"]
            )
        float(loss)

    return loop
