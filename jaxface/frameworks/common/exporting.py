"""From a trained network to a classifier's folder: what `classify.load`, and so the audit, takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flax import nnx

from jaxface.classify import Card, Classifier, exported, load
from jaxface.core.errors import LabelError
from jaxface.core.types import Array, expression_names
from jaxface.frameworks.common.framework import Framework, Task


def exportable(framework: Framework, task: Task) -> str:
    """Why a network for this task cannot be audited; empty = it can."""
    if framework.answers == "units":
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
        name: how it is called in results; None = the framework's.
        dataset: what it was trained on, for the card.

    Raises:
        LabelError: the task's labels are no expressions.
    """
    if reason := exportable(framework, task):
        raise LabelError(f"no classifier to export: {reason}")
    folder = Path(out)
    card = Card(
        name=name or framework.name,
        architecture=exported.ARCHITECTURE,
        native_labels=_labels(framework, task),
        size=task.size,
        channels="rgb" if task.channels == 3 else "grey",
        dataset=dataset,
        licence="that of the data it was trained on",
        source="trained with jaxface",
        weights="",
    )
    if framework.export is not None:
        framework.export(config, task, state, card, folder)
    else:
        flat = {"/".join(map(str, path)): (path, leaf) for path, leaf in nnx.to_flat_state(state)}

        def forward(weights: dict[str, Array], images: Array) -> Array:
            leaves = [(path, leaf.replace(weights[name])) for name, (path, leaf) in flat.items()]
            module = nnx.merge(graphdef, nnx.from_flat_state(leaves))
            return framework.predict(config, task, module, images)

        exported.write(folder, card, forward, {name: leaf[...] for name, (_, leaf) in flat.items()})
    return load(folder)


def _labels(framework: Framework, task: Task) -> tuple[str, ...]:
    return task.labels if framework.answers == "labels" else tuple(f"AU{number}" for number in task.units)
