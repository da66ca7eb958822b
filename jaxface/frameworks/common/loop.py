"""The loop: batches in, steps on the devices, measures, checkpoints; the same for every framework."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from jaxface.core.config import to_dict
from jaxface.core.errors import ConfigError, TrainingError, suggestion
from jaxface.core.progress import NullProgress, Progress
from jaxface.core.sharding import mesh_for, replicate, shard_batch
from jaxface.data import Dataset, Stream
from jaxface.frameworks.common import record
from jaxface.frameworks.common.checkpoints import Checkpoints
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.evaluate import Evaluator, known_measures
from jaxface.frameworks.common.framework import Framework, Info, Task, programs

SMALLER = ("loss", "calibration_error", "parity_difference")
"""Measures of which less is better."""


@dataclass(frozen=True)
class TrainResult:
    """What training ends with.

    Attributes:
        graphdef, state: the networks as they were best; `nnx.merge` makes modules of them.
        step: after which step that was.
        steps: how many there were.
        measures: of the validation set at its best; {} without one.
    """

    graphdef: nnx.GraphDef
    state: nnx.State
    step: int
    steps: int
    measures: dict[str, float]


@dataclass
class LoopState:
    """What the loop remembers beside the state; part of every checkpoint.

    Attributes:
        step: updates so far.
        best_step: after which the monitored measure was best; 0 = none yet.
        best: all measures then.
        waited: evaluations since.
    """

    step: int = 0
    best_step: int = 0
    best: dict[str, float] = dataclasses.field(default_factory=dict)
    waited: int = 0


def fit(
    framework: Framework,
    config: Any,
    train: TrainConfig,
    task: Task,
    stream: Stream,
    validation: Dataset | None,
    out: str | Path,
    *,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> TrainResult:
    """Train one framework in the folder `out`, or go on with what is there.

    A training that was stopped or killed may be called again with the same arguments: it goes on from its last
    checkpoint, and ends with the same bits as one that was never stopped, on the same machine, devices and
    versions.

    Args:
        config: the framework's.
        stream: of batches of `train.batch` examples, at its beginning; for ever.
        validation: looked at every `train.evaluate_every` steps; None = the last parameters are the best.
        out: a folder, made if need be; `record` says what lies in it.
        seed: of the first parameters and of every step.
        settings: of the data, for `run.toml`, which a resumed training is held to.
        progress: told of steps.
        devices: to work on; None = all local ones, or as many as divide the batch.

    Raises:
        ConfigError: an unknown measure in `train.monitor`.
        StoreError: `out` belongs to another training.
        TrainingError: numbers that are not finite, or a checkpoint that cannot be read.
        KeyboardInterrupt: stopped by the user, with a checkpoint; the message says how far it came.
    """
    folder, progress = Path(out), progress or NullProgress()
    known = known_measures(task, framework.answers, framework.units is not None)
    if train.monitor and train.monitor not in known:
        raise ConfigError(f"train.monitor = {train.monitor!r}{suggestion(train.monitor, known)}")
    record.open_folder(folder, _all_settings(framework, config, train, task, seed, settings or {}))
    mesh = mesh_for(train.batch // train.accumulate, devices)
    graphdef, first, update, predict, units = programs(framework, config, task, train)
    state, root = replicate(first(seed), mesh), replicate(jax.random.key(seed), mesh)
    evaluator = Evaluator(predict, task, framework.answers, train.batch, mesh, units)
    saved, best = Checkpoints(folder / record.CHECKPOINTS), Checkpoints(folder / record.BEST, keep=1)
    memory = LoopState()
    if saved.steps():
        state, notes = saved.restore(saved.steps()[-1], state)
        memory = LoopState(**notes["memory"])
        stream.set_state(notes["input"])
    log = record.Log(folder, memory.step)
    info: Info = {}

    def checkpoint() -> None:
        if memory.step not in saved.steps():
            notes = {"memory": dataclasses.asdict(memory), "input": stream.get_state()}
            saved.save(memory.step, state, notes)

    progress.start(f"train {framework.name}", train.steps, memory.step)
    try:
        with interruptible() as interrupted:
            while memory.step < train.steps and not _should_stop(memory, train):
                if interrupted():
                    _finite(info, memory.step, saved)
                    checkpoint()
                    raise KeyboardInterrupt(
                        f"stopped after {memory.step} of {train.steps} steps; the same command goes on in "
                        f"{folder}"
                    )
                state, info = update(state, shard_batch(next(stream), mesh), root)
                memory.step += 1
                last = memory.step == train.steps
                due = last or memory.step % train.evaluate_every == 0
                save = due or memory.step % train.checkpoint_every == 0
                note = ""
                if save or memory.step % train.log_every == 0:
                    told = _finite(info, memory.step, saved)
                    log.write(memory.step, **told)
                    note = f"loss {told['loss']:.4g}"
                if due and validation is not None:
                    found = evaluator(state.best(), validation)
                    log.write(memory.step, **{f"validation_{name}": value for name, value in found.items()})
                    if _is_best(memory, found, train.monitor):
                        best.save(memory.step, state.best(), {"measures": found})
                if save:
                    checkpoint()
                progress.advance(1, note)
        if memory.best_step:
            network, _ = best.restore(memory.best_step, state.best())
        else:
            network = state.best()
    finally:
        progress.close()
        saved.close()
        best.close()
    return TrainResult(graphdef, network, memory.best_step or memory.step, memory.step, memory.best)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C is noted, not raised, while the block lasts, so that it cannot fall between a step and its result;
    a second one is raised. Elsewhere than in the main thread nothing changes."""
    asked = threading.Event()
    usual = signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, usual)

    if threading.current_thread() is not threading.main_thread() or usual is None:
        yield asked.is_set
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, usual)


def _all_settings(
    framework: Framework, config: Any, train: TrainConfig, task: Task, seed: int, data: Mapping[str, Any]
) -> dict[str, Any]:
    told = {"framework": framework.name, "seed": seed, "data": dict(data), "model": to_dict(config)}
    return {**told, "train": to_dict(train), "task": to_dict(task)}


def _finite(info: Info, step: int, saved: Checkpoints) -> dict[str, float]:
    told = {name: float(value) for name, value in jax.device_get(dict(info)).items()}
    for name in ("loss", "gradient_norm"):
        if not np.isfinite(told.get(name, 0.0)):
            steps = saved.steps()
            there = f"the checkpoint of step {steps[-1]} is kept" if steps else "there is no checkpoint yet"
            raise TrainingError(
                f"{name.replace('_', ' ')} is {told[name]} at step {step}; {there}. A lower "
                "optimiser.learning_rate, optimiser.warmup, optimiser.clip or float32 may help"
            )
    return told


def _is_best(memory: LoopState, found: dict[str, float], monitor: str) -> bool:
    """Whether these measures are the best so far; the memory then holds them."""
    name = monitor or next(iter(found))
    if name not in found:
        raise ConfigError(f"train.monitor = {name!r}, which the validation set has no columns for")
    sign = -1.0 if name in SMALLER else 1.0
    better = not memory.best or sign * found[name] > sign * memory.best[name]
    if better:
        memory.best_step, memory.best, memory.waited = memory.step, found, 0
    else:
        memory.waited += 1
    return better


def _should_stop(memory: LoopState, train: TrainConfig) -> bool:
    return bool(train.patience) and memory.waited >= train.patience
