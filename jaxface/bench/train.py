"""What the training ground costs: a step of it beside the same step in a plain Flax and optax loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jaxface import frameworks
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.nets.layers import BatchNorm
from jaxface.classify.preprocess import prepare
from jaxface.core.sharding import mesh_for, replicate, shard_batch
from jaxface.core.types import BASE_EXPRESSIONS
from jaxface.frameworks.classifier import ClassifierConfig
from jaxface.frameworks.classifier.networks import card_of
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import programs
from jaxface.frameworks.common.task import Task

Loop = Callable[[], None]


@dataclass(frozen=True)
class Settings:
    """Which networks are trained, and on what."""

    architectures: tuple[str, ...] = ("fer-mini-xception",)
    """Of the classifiers'."""

    batch: int = 64
    """Images of one step."""

    size: int = 64
    """Pixels along an edge of the images; the networks bring them to their own."""

    steps: int = 5
    """Of one timing."""

    repeats: int = 5
    """Timings of each loop, in turn; the quickest counts."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """One device; both loops are given NumPy batches and fetch the loss of the last step."""
    task = Task(labels=BASE_EXPRESSIONS, size=settings.size)
    random = np.random.default_rng(0)
    shape = (settings.batch, settings.size, settings.size, 3)
    batch: dict[str, np.ndarray] = {
        "image": random.integers(0, 256, shape).astype(np.uint8),
        "label": random.integers(0, len(task.labels), settings.batch).astype(np.int32),
    }
    for name in settings.architectures:
        config = ClassifierConfig(name)
        loops = {"ground": ground(config, task, batch, settings), "plain": plain(config, task, batch, settings)}
        times = in_turn(loops, settings.repeats)
        for which, (compile_s, run_s, cpu_s) in times.items():
            yield {
                "name": f"{name}/{which}",
                "batch": settings.batch,
                "size": settings.size,
                "compile_s": compile_s,
                "run_s": run_s / settings.steps,
                "cpu_s": cpu_s / settings.steps,
                "images_per_s": settings.batch * settings.steps / run_s,
                "cpu_over_plain": cpu_s / times["plain"][2],
            }


def in_turn(loops: dict[str, Loop], repeats: int) -> dict[str, tuple[float, float, float]]:
    """Seconds of the first call less a later one, wall and CPU seconds of the quickest: of each loop."""
    first = {name: _timed(loop) for name, loop in loops.items()}
    later = [{name: _timed(loop) for name, loop in loops.items()} for _ in range(repeats)]
    quickest = {name: [min(times[name][i] for times in later) for i in (0, 1)] for name in loops}
    return {
        name: (max(first[name][0] - quickest[name][0], 0.0), quickest[name][0], quickest[name][1])
        for name in loops
    }


def ground(config: ClassifierConfig, task: Task, batch: dict[str, np.ndarray], settings: Settings) -> Loop:
    """As `fit` does it, without its files."""
    prepared = programs(frameworks.load("classifier"), config, task, TrainConfig(batch=settings.batch))
    mesh = mesh_for(settings.batch, jax.local_devices()[:1])
    state, root = replicate(prepared.init(0), mesh), replicate(jax.random.key(0), mesh)

    def loop() -> None:
        nonlocal state
        for _ in range(settings.steps):
            state, info = prepared.update(state, shard_batch(batch, mesh), root)
        jax.device_get(dict(info))

    return loop


def plain(config: ClassifierConfig, task: Task, batch: dict[str, np.ndarray], settings: Settings) -> Loop:
    """As one writes it down: the network split once, one jitted function, optax's AdamW."""
    card = card_of(config, task)
    net = nnx.jit(lambda: ARCHITECTURES[config.architecture].net(len(task.labels), rngs=nnx.Rngs(0)))()
    for _, layer in nnx.iter_modules(net):
        if isinstance(layer, BatchNorm):
            layer.training = True
    graphdef, state = nnx.split(net)
    params, statistics = nnx.split_state(state, nnx.Param, ...)
    optimizer = optax.adamw(1e-3)
    moments = optimizer.init(params)

    def step(params: Any, statistics: Any, moments: Any, images: jax.Array, labels: jax.Array) -> Any:
        def loss(params: Any) -> Any:
            net = nnx.merge(graphdef, params, statistics, copy=True)
            logits, _ = net(prepare(images.astype(jnp.float32) / 255, card))
            value = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
            return value, nnx.state(net, nnx.BatchStat)

        (value, after), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        moves, moments = optimizer.update(gradient, moments, params)
        return optax.apply_updates(params, moves), after, moments, value

    jitted = jax.jit(step, donate_argnums=(0, 1, 2))

    def loop() -> None:
        nonlocal params, statistics, moments
        for _ in range(settings.steps):
            params, statistics, moments, value = jitted(
                params, statistics, moments, batch["image"], batch["label"]
            )
        float(value)

    return loop


def _timed(loop: Loop) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    loop()
    return time.perf_counter() - wall, time.process_time() - cpu
