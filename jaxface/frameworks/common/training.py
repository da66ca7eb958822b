"""A whole training: from settings to a folder with a classifier in it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxface.classify import Classifier
from jaxface.core.config import from_dict, to_dict
from jaxface.core.errors import StoreError
from jaxface.core.progress import Progress
from jaxface.frameworks.common import record
from jaxface.frameworks.common.checkpoints import Checkpoints
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.exporting import export, exportable
from jaxface.frameworks.common.framework import Framework, Task, programs
from jaxface.frameworks.common.inputs import inputs_of
from jaxface.frameworks.common.loop import TrainResult, fit


@dataclass(frozen=True)
class TrainRun:
    """What a training comes to.

    Attributes:
        fitted: the networks at their best.
        classifier: as it lies in the folder; None where it cannot be one.
        reason: why not.
        notes: what was read, and what was left out and why.
    """

    fitted: TrainResult
    classifier: Classifier | None
    reason: str
    notes: tuple[str, ...]


def run(
    framework: Framework,
    model: Any,
    train: TrainConfig,
    data: Any,
    out: str | Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainRun:
    """Train, or go on training, in the folder `out`; at the end it holds a classifier that `jaxface audit`
    takes.

    Args:
        model, data: the framework's config, and settings of its data.

    Raises:
        as `inputs.open_inputs` and `fit.fit`.
    """
    given = inputs_of(framework, model, train, data, seed)
    told = {**to_dict(data), "examples": given.examples}
    fitted = fit(
        framework,
        model,
        train,
        given.task,
        given.stream,
        given.validation,
        out,
        seed=seed,
        settings=told,
        progress=progress,
    )
    reason = exportable(framework, given.task)
    made = functools.partial(export, framework, model, given.task, fitted.graphdef, fitted.state, out)
    classifier = None if reason else made(name=Path(out).resolve().name, dataset=given.name)
    return TrainRun(fitted, classifier, reason, given.notes)


@dataclass(frozen=True)
class RestoredRun:
    """Networks as a training's folder holds them: for what is no classifier.

    Attributes:
        task, model: what it was trained for, and how.
        fitted: at its best, or at the last checkpoint where nothing was held out.
    """

    framework: Framework
    task: Task
    model: Any
    train: TrainConfig
    fitted: TrainResult


def restore(framework: Framework, folder: Path) -> RestoredRun:
    """The networks that a training has left in its folder.

    Raises:
        StoreError: it is the folder of another framework, of another version, or without a checkpoint.
        TrainingError: the checkpoint cannot be read.
    """
    told = record.read_settings(folder)
    if told.get("framework") != framework.name:
        raise StoreError(f"{folder} is of {told.get('framework')!r}, wanted {framework.name!r}")
    model = from_dict(framework.config, told["model"])
    train, task = from_dict(TrainConfig, told["train"]), from_dict(Task, told["task"])
    prepared = programs(framework, model, task, train)
    state = prepared.first(told["seed"])
    best, saved = Checkpoints(folder / record.BEST, keep=1), Checkpoints(folder / record.CHECKPOINTS)
    try:
        if best.steps():
            step = best.steps()[-1]
            network, notes = best.restore(step, state.best())
            return RestoredRun(
                framework,
                task,
                model,
                train,
                TrainResult(prepared.graphdef, network, step, step, notes["measures"]),
            )
        if not saved.steps():
            raise StoreError(f"{folder} holds no checkpoint yet; let jaxface train run for longer")
        step = saved.steps()[-1]
        state, _ = saved.restore(step, state)
        return RestoredRun(
            framework, task, model, train, TrainResult(prepared.graphdef, state.best(), step, step, {})
        )
    finally:
        best.close()
        saved.close()
