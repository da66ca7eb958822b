"""From a trained network to a classifier's folder, as `classify.load` and so the audit take it."""

from pathlib import Path
from typing import Any

from flax import nnx

from jaxface.classify import Card, Classifier, exported, load
from jaxface.core.errors import LabelError
from jaxface.core.types import expression_names
from jaxface.frameworks.common.framework import Framework
from jaxface.frameworks.common.task import Task


def export_obstacle(framework: Framework, task: Task) -> str:
    """Return why a network for this task cannot be audited; "" if it can."""
    if framework.output == "units":
        return ""
    if not task.labels:
        return "its data have no expressions"
    try:
        expression_names(task.labels)
    except LabelError as error:
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

    Args:
        name: of the classifier in results; None = the framework's.
        dataset: what it was trained on, for the card.

    Raises:
        LabelError: the task's labels are no expressions.
    """
    if obstacle := export_obstacle(framework, task):
        raise LabelError(f"no classifier to export: {obstacle}")
    folder = Path(out)
    card = Card(
        name=name or framework.name,
        architecture=exported.ARCHITECTURE,
        native_labels=_output_labels(framework, task),
        size=task.size,
        channels="rgb" if task.channels == 3 else "grey",
        dataset=dataset,
        licence="that of the data it was trained on",
        source="trained with jaxface",
        weights="",
    )
    framework.export(config, task, graphdef, state, card, folder)
    return load(folder)


def _output_labels(framework: Framework, task: Task) -> tuple[str, ...]:
    return task.labels if framework.output == "labels" else tuple(f"AU{number}" for number in task.units)
