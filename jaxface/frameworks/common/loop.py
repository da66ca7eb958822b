"""The loop: batches in, steps on the devices, metrics, checkpoints; the same for every framework."""

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
from jax.sharding import Mesh

from jaxface.core import run_folder
from jaxface.core.config import to_dict
from jaxface.core.errors import ConfigError, TrainingError, suggestion
from jaxface.core.progress import Progress, ProgressLike, choose
from jaxface.core.sharding import mesh_for, replicate, shard_batch
from jaxface.data import Dataset, Stream
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.evaluation import evaluate_dataset, metric_names
from jaxface.frameworks.common.framework import Framework, Info, Programs, TrainState, programs
from jaxface.frameworks.common.log_writers import LogWriter
from jaxface.frameworks.common.run_folder import (
    BEST,
    CHECKPOINTS,
    Checkpoints,
    Log,
    require_same_files,
    write_sums,
)

SMALLER_IS_BETTER = ("loss", "calibration_error", "parity_difference")
"""Metrics of which less is better; of all others more is."""


@dataclass(frozen=True)
class TrainResult:
    """What training ends with; `nnx.merge` makes the best networks of `graphdef` and `state`."""

    graphdef: nnx.GraphDef
    state: nnx.State
    step: int  # after which they were best
    steps: int  # how many there were
    metrics: dict[str, float]  # of the validation set at that step; {} without one


@dataclass
class LoopState:
    """What the loop remembers beside the state of training; part of every checkpoint."""

    step: int = 0  # updates so far
    best_step: int = 0  # after which the monitored metric was best; 0 = none yet
    best_metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    stale_evaluations: int = 0  # how many have been no better since


def iterate_steps(
    fns: Programs,
    stream: Iterator[Mapping[str, Any]],
    seed: int,
    state: TrainState | None = None,
    mesh: Mesh | None = None,
) -> Iterator[tuple[TrainState, Info]]:
    """Update on one batch after another, as long as the stream lasts; yield (state, info) after each.

    A state that was yielded is donated to the next step: copy what is to outlive it.

    Args:
        state: to begin with; None = drawn by the seed, as every step is.
        mesh: devices to shard each batch over; None = the default device.
    """
    root = jax.random.key(seed)
    state = fns.init(seed) if state is None else state
    if mesh is not None:
        state, root = replicate(state, mesh), replicate(root, mesh)
    for batch in stream:
        batch = jax.device_put(dict(batch)) if mesh is None else shard_batch(batch, mesh)
        state, info = fns.update(state, batch, root)
        yield state, info


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
    progress: ProgressLike = None,
    devices: Sequence[jax.Device] | None = None,
    writers: Sequence[LogWriter] = (),
) -> TrainResult:
    """Train one framework in the folder `out`, as `training.train`, or resume what is there.

    A training that was stopped or killed goes on from its last checkpoint, and ends with the same
    bits as one that was never stopped, on the same machine, devices and versions.

    Args:
        stream: endless batches of `train.batch` examples, at its beginning.
        validation: evaluated every `train.evaluate_every` steps; None = the last parameters are the best.
        settings: of the data, for `run.toml`; a resumed training must have the same.
        devices: to work on; None = all local ones, or as many as divide the batch.
        writers: get every line of the log.

    Raises:
        ConfigError: an unknown metric in `train.monitor`.
        StoreError: `out` belongs to another training, or another process trains there.
        TrainingError: numbers that are not finite, a checkpoint that cannot be read, or a file of a finished
            training that has changed.
        OSError: the disk is full; the same call goes on.
        KeyboardInterrupt: stopped by the user or SIGTERM, with a checkpoint; the message says how far it came.
    """
    folder, progress = Path(out), choose(progress)
    names = metric_names(task, framework.output, framework.predicts_units)
    if train.monitor and train.monitor not in names:
        raise ConfigError(f"train.monitor = {train.monitor!r}{suggestion(train.monitor, names)}")
    all_settings = {
        "framework": framework.name,
        "seed": seed,
        "data": dict(settings or {}),
        "model": to_dict(config),
        "train": to_dict(train),
        "task": to_dict(task),
    }
    with run_folder.hold(folder, "training"):
        require_same_files(folder)
        run_folder.claim(folder, all_settings, "training")
        run_folder.note_environment(folder)
        mesh = mesh_for(train.batch // train.accumulate, devices)
        fns = programs(framework, config, task, train)
        result = _run_steps(
            framework, fns, train, task, stream, validation, folder, seed, progress, mesh, writers
        )
        write_sums(folder)
        return result


def _run_steps(
    framework: Framework,
    fns: Programs,
    train: TrainConfig,
    task: Task,
    stream: Stream,
    validation: Dataset | None,
    folder: Path,
    seed: int,
    progress: Progress,
    mesh: Mesh,
    writers: Sequence[LogWriter],
) -> TrainResult:
    """Take the steps that are left in a folder that this process holds."""
    state = replicate(fns.init(seed), mesh)
    checkpoints = Checkpoints(folder / CHECKPOINTS, clean=True)
    best = Checkpoints(folder / BEST, keep=1, clean=True)
    loop = LoopState()
    if checkpoints.steps():
        state, notes = checkpoints.restore(checkpoints.steps()[-1], state)
        loop = LoopState(**notes["loop"])
        stream.set_state(notes["input"])
    log = Log(folder, loop.step, writers)

    def save_checkpoint() -> None:
        if loop.step not in checkpoints.steps():
            notes = {"loop": dataclasses.asdict(loop), "input": stream.get_state()}
            checkpoints.save(loop.step, state, notes)

    def evaluate(dataset: Dataset) -> None:
        network = state.eval_state()
        metrics = evaluate_dataset(fns, network, dataset, task, framework.output, train.batch, mesh)
        log.write(loop.step, **{f"validation_{name}": value for name, value in metrics.items()})
        if _is_best(loop, metrics, train.monitor):
            best.save(loop.step, network, {"metrics": metrics})

    progress.start(f"train {framework.name}", train.steps, loop.step)
    info: Info = {}
    try:
        with interruptible() as stop_requested:
            steps = iterate_steps(fns, stream, seed, state, mesh)
            while loop.step < train.steps and not 0 < train.patience <= loop.stale_evaluations:
                if stop_requested():
                    _finite_scalars(info, loop.step, checkpoints)
                    save_checkpoint()
                    raise KeyboardInterrupt(
                        f"stopped after {loop.step} of {train.steps} steps; the same command goes on in "
                        f"{folder}"
                    )
                state, info = next(steps)
                loop.step += 1
                due = loop.step == train.steps or loop.step % train.evaluate_every == 0
                save = due or loop.step % train.checkpoint_every == 0
                note = ""
                if save or loop.step % train.log_every == 0:
                    scalars = _finite_scalars(info, loop.step, checkpoints)
                    log.write(loop.step, **scalars)
                    note = f"loss {scalars['loss']:.4g}"
                if due and validation is not None:
                    evaluate(validation)
                if save:
                    save_checkpoint()
                progress.advance(1, note)
        network = state.eval_state()
        if loop.best_step:
            network, _ = best.restore(loop.best_step, network)
    finally:
        progress.close()
        log.close()
        checkpoints.close()
        best.close()
    return TrainResult(fns.graphdef, network, loop.best_step or loop.step, loop.step, loop.best_metrics)


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yield whether there was Ctrl-C or SIGTERM, as a function; a second one acts. In the main thread alone.

    So it cannot fall between a step and its result.
    """
    stop = threading.Event()
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def handle(*_: object) -> None:
        stop.set()
        restore()

    if threading.current_thread() is not threading.main_thread() or None in previous.values():
        yield stop.is_set
        return
    for number in previous:
        signal.signal(number, handle)
    try:
        yield stop.is_set
    finally:
        restore()


def to_scalars(info: Info) -> dict[str, float]:
    """Fetch the scalars of a step from the devices."""
    return {name: float(value) for name, value in jax.device_get(dict(info)).items()}


def _finite_scalars(info: Info, step: int, checkpoints: Checkpoints) -> dict[str, float]:
    scalars = to_scalars(info)
    for name in ("loss", "gradient_norm"):
        if not np.isfinite(scalars.get(name, 0.0)):
            steps = checkpoints.steps()
            last = f"the checkpoint of step {steps[-1]} is kept" if steps else "there is no checkpoint yet"
            raise TrainingError(
                f"{name.replace('_', ' ')} is {scalars[name]} at step {step}; {last}. A lower "
                "optimizer.learning_rate, optimizer.warmup, optimizer.clip or float32 may help"
            )
    return scalars


def _is_best(loop: LoopState, metrics: dict[str, float], monitor: str) -> bool:
    """Return whether these metrics are the best so far, and note it in `loop`."""
    name = monitor or next(iter(metrics))
    if name not in metrics:
        raise ConfigError(f"train.monitor = {name!r}, which the validation set has no columns for")
    sign = -1.0 if name in SMALLER_IS_BETTER else 1.0
    better = not loop.best_metrics or sign * metrics[name] > sign * loop.best_metrics[name]
    if better:
        loop.best_step, loop.best_metrics, loop.stale_evaluations = loop.step, metrics, 0
    else:
        loop.stale_evaluations += 1
    return better
