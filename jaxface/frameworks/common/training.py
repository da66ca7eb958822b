"""A whole training: from settings to a folder with a classifier in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxface import frameworks
from jaxface.classify import Classifier
from jaxface.core.config import from_dict, to_dict
from jaxface.core.errors import StoreError
from jaxface.core.progress import Progress
from jaxface.frameworks.common import run_folder
from jaxface.frameworks.common.checkpoints import Checkpoints
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.exporting import export, export_obstacle
from jaxface.frameworks.common.framework import Framework, programs
from jaxface.frameworks.common.loop import TrainResult, fit
from jaxface.frameworks.common.task import Task


@dataclass(frozen=True)
class TrainRun:
    """A finished training.

    Attributes:
        result: the best networks.
        classifier: as written to the folder; None where the network cannot be one.
        reason: why not.
        notes: what was read, and what was left out and why.
    """

    result: TrainResult
    classifier: Classifier | None
    reason: str
    notes: tuple[str, ...]


def train(
    framework: str | Framework,
    model: Any = None,
    train_config: TrainConfig | None = None,
    data: Any = None,
    *,
    out: str | Path,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainRun:
    """Train in the folder `out`, or resume there; at the end it holds a classifier that can be audited.

    Args:
        framework: its name in `frameworks.REGISTRY`, or one of your own.
        model: the framework's config; None = its defaults.
        train_config: None = the framework's defaults.
        data: an instance of the framework's `data`; None = its defaults.

    Raises:
        ConfigError: an unknown framework or recipe, or settings that do not go together.
        DataError: the data set is missing, or lacks the labels to learn.
        as `loop.fit`.
    """
    framework = frameworks.load(framework) if isinstance(framework, str) else framework
    model = framework.config() if model is None else model
    train_config = framework.defaults if train_config is None else train_config
    data = framework.data() if data is None else data
    inputs = framework.open_inputs(model, data, train_config, seed)
    result = fit(
        framework,
        model,
        train_config,
        inputs.task,
        inputs.stream,
        inputs.validation,
        out,
        seed=seed,
        settings={**to_dict(data), "examples": inputs.examples},
        progress=progress,
    )
    reason = export_obstacle(framework, inputs.task)
    classifier = None
    if not reason:
        name = Path(out).resolve().name
        classifier = export(
            framework, model, inputs.task, result.graphdef, result.state, out, name=name, dataset=inputs.name
        )
    return TrainRun(result, classifier, reason, inputs.notes)


@dataclass(frozen=True)
class RestoredRun:
    """The networks in a training's folder, whether or not they can be a classifier.

    Attributes:
        model, train, task: the settings that they were trained with.
        result: the best networks, or those of the last checkpoint where nothing was held out.
    """

    folder: Path
    framework: Framework
    task: Task
    model: Any
    train: TrainConfig
    result: TrainResult


def restore(folder: Path, framework: Framework | None = None) -> RestoredRun:
    """Restore the networks that a training has left in its folder.

    Args:
        framework: that the folder must be of; None = whichever it is of.

    Raises:
        StoreError: the folder of another framework, of another version, or without a checkpoint.
        TrainingError: the checkpoint cannot be read.
    """
    settings = run_folder.read_settings(folder)
    name = settings.get("framework")
    if framework is None:
        framework = frameworks.load(settings["framework"])
    elif name != framework.name:
        raise StoreError(f"{folder} is of {name!r}, wanted {framework.name!r}")
    model = from_dict(framework.config, settings["model"])
    train_config, task = from_dict(TrainConfig, settings["train"]), from_dict(Task, settings["task"])
    fns = programs(framework, model, task, train_config)
    state = fns.init(settings["seed"])
    best, checkpoints = (
        Checkpoints(folder / run_folder.BEST, keep=1),
        Checkpoints(folder / run_folder.CHECKPOINTS),
    )
    try:
        if best.steps():
            step = best.steps()[-1]
            network, notes = best.restore(step, state.eval_state())
            metrics = notes["metrics"]
        elif checkpoints.steps():
            step, metrics = checkpoints.steps()[-1], {}
            state, _ = checkpoints.restore(step, state)
            network = state.eval_state()
        else:
            raise StoreError(f"{folder} holds no checkpoint yet; let jaxface train run for longer")
    finally:
        best.close()
        checkpoints.close()
    result = TrainResult(fns.graphdef, network, step, step, metrics)
    return RestoredRun(folder, framework, task, model, train_config, result)
