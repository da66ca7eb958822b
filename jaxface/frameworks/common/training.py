"""A whole training: from settings to a folder with a classifier in it, and back to its networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flax import nnx

from jaxface import frameworks
from jaxface.classify import Card, Classifier, exported, load
from jaxface.core.config import from_dict, to_dict
from jaxface.core.errors import ConfigError, LabelError, StoreError
from jaxface.core.progress import ProgressLike
from jaxface.core.run_folder import SETTINGS, hold, read_settings
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import Framework, programs
from jaxface.frameworks.common.log_writers import LogWriter
from jaxface.frameworks.common.loop import TrainResult, fit
from jaxface.frameworks.common.run_folder import BEST, CHECKPOINTS, Checkpoints, require_same_files


@dataclass(frozen=True)
class TrainRun:
    """A finished training."""

    result: TrainResult  # the best networks
    classifier: Classifier | None  # as written to the folder; None where the network cannot be one
    reason: str  # why not
    notes: tuple[str, ...]  # what was read, and what was left out and why


def train(
    framework: str | Framework,
    model: Any = None,
    train_config: TrainConfig | None = None,
    data: Any = None,
    *,
    out: str | Path,
    seed: int = 0,
    progress: ProgressLike = None,
    writers: Sequence[LogWriter] = (),
) -> TrainRun:
    """Train in the folder `out`, or resume there; at the end it holds a classifier that can be audited.

    A training that was stopped continues when it is called again with the same arguments.

    Args:
        framework: its name in `frameworks.REGISTRY`, or one of your own.
        model: an instance of the framework's `config`; None = its defaults.
        train_config: steps, batch, optimizer; None = the framework's defaults.
        data: an instance of the framework's `data`, which says what it is trained on; None = its defaults.
        out: a folder, created if need be.
        seed: of the first parameters, of every step, and of the order of the examples.
        progress: advanced at each step; None = a bar where somebody watches.
        writers: get every line of the log, such as `frameworks.TensorBoardWriter(folder)`.

    Returns:
        The best networks with their validation metrics (`result`), and the `classifier`, if they can be one.

    Raises:
        ConfigError: an unknown framework or recipe, or settings that do not go together.
        DataError: the data set is missing, or lacks the labels to learn.
        StoreError: `out` belongs to another training, or another process trains there.
        TrainingError: numbers that are not finite, a checkpoint that cannot be read, or a file of a finished
            training that has changed.
    """
    framework = frameworks.load(framework) if isinstance(framework, str) else framework
    model = framework.config() if model is None else model
    train_config = framework.defaults if train_config is None else train_config
    data = framework.data() if data is None else data
    inputs = framework.open_inputs(model, data, train_config, seed)
    task = inputs.task
    settings = {**to_dict(data), "examples": inputs.examples, "content": inputs.content}
    with hold(Path(out), "training"):
        result = fit(
            framework,
            model,
            train_config,
            task,
            inputs.stream,
            inputs.validation,
            out,
            seed=seed,
            settings=settings,
            progress=progress,
            writers=writers,
        )
        reason, classifier = export_obstacle(framework, task), None
        if not reason:
            name = Path(out).resolve().name
            classifier = export(framework, model, task, result.graphdef, result.state, out, name, inputs.name)
    return TrainRun(result, classifier, reason, inputs.notes)


def export_obstacle(framework: Framework, task: Task) -> str:
    """Return why a network for this task cannot be audited; "" if it can."""
    if framework.output == "units":
        return ""
    if not task.labels:
        return "its data have no expressions"
    try:
        Card(name=framework.name, architecture=exported.ARCHITECTURE, native_labels=task.labels)
    except (LabelError, ConfigError) as error:
        return str(error)
    return ""


def export(
    framework: Framework,
    config: Any,
    task: Task,
    graphdef: nnx.GraphDef,
    state: nnx.State,
    out: str | Path,
    name: str | None = None,
    dataset: str = "unknown",
) -> Classifier:
    """Write the networks as a classifier into the folder `out`, and load it from there.

    `name` is for results, None = the framework's; `dataset`, what it was trained on, for the card.

    Raises:
        LabelError: the task's labels are no expressions.
    """
    if obstacle := export_obstacle(framework, task):
        raise LabelError(f"no classifier to export: {obstacle}")
    units = tuple(f"AU{number}" for number in task.units)
    card = Card(
        name=name or framework.name,
        architecture=exported.ARCHITECTURE,
        native_labels=units if framework.output == "units" else task.labels,
        size=task.size,
        channels="rgb" if task.channels == 3 else "grey",
        dataset=dataset,
        licence="that of the data it was trained on",
        source="trained with jaxface",
        weights="",
    )
    framework.export(config, task, graphdef, state, card, Path(out))
    return load(Path(out))


@dataclass(frozen=True)
class RestoredRun:
    """The networks in a training's folder, classifier or not, and their settings.

    `result` has the best networks, or those of the last checkpoint where nothing was held out.
    """

    folder: Path
    framework: Framework
    task: Task
    model: Any
    train: TrainConfig
    result: TrainResult


def _read_tables(folder: Path) -> dict[str, Any]:
    """Return the settings of a training.

    Raises:
        StoreError: there are none, or one is missing.
    """
    settings = read_settings(folder, "training")
    kinds = {"framework": str, "seed": int, "model": dict, "train": dict, "task": dict}
    for key, kind in kinds.items():
        if not isinstance(settings.get(key), kind):
            raise StoreError(f"{folder / SETTINGS} is not of a training: it has no {key}; train again")
    return settings


def restore(folder: Path, framework: Framework | None = None) -> RestoredRun:
    """Restore the networks that a training of this framework (None = any) has left in its folder.

    Raises:
        StoreError: the folder of another framework, of another version, or without a checkpoint.
        TrainingError: the checkpoint cannot be read, or has changed since the training ended.
    """
    require_same_files(folder)
    settings = _read_tables(folder)
    name = settings["framework"]
    if framework is None:
        framework = frameworks.load(name)
    elif name != framework.name:
        raise StoreError(f"{folder} is of {name!r}, wanted {framework.name!r}")
    model = from_dict(framework.config, settings["model"])
    train_config, task = from_dict(TrainConfig, settings["train"]), from_dict(Task, settings["task"])
    fns = programs(framework, model, task, train_config)
    state = fns.init(settings["seed"])
    best, checkpoints = Checkpoints(folder / BEST, keep=1), Checkpoints(folder / CHECKPOINTS)
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
