"""Metrics of any network: of a classifier, or of what a training left in its folder."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from jaxface import classify, data
from jaxface.classify import Classifier
from jaxface.classify.card import CARD_FILE
from jaxface.core.errors import DataError, LabelError
from jaxface.core.run_folder import SETTINGS
from jaxface.core.sharding import mesh_for
from jaxface.core.types import Array, action_unit, answer_name
from jaxface.data import Dataset
from jaxface.frameworks.common.config import OutputKind, Task
from jaxface.frameworks.common.evaluation import compute_metrics, evaluate_dataset, predict_dataset
from jaxface.frameworks.common.framework import programs
from jaxface.frameworks.common.inputs import select_units
from jaxface.frameworks.common.training import RestoredRun, restore

Network = Classifier | RestoredRun


def load_network(network: str | Path) -> Network:
    """Load a classifier by its name or folder, or the networks in a training's folder without one.

    Raises:
        CardError, CheckpointError, StoreError, TrainingError: nothing that can be loaded.
    """
    folder = Path(network)
    if (folder / SETTINGS).is_file() and not (folder / CARD_FILE).is_file():
        return restore(folder)
    return classify.load(str(network))


def input_size(network: Network) -> int | None:
    """Return the pixels along an edge of the images that a network takes; None = any."""
    if isinstance(network, RestoredRun):
        return network.task.size
    return network.card.resize_to or network.card.size


def evaluate(network: str | Path | Network, dataset: Dataset, *, batch: int = 64) -> dict[str, Any]:
    """Return the metrics of a network on a data set, by name.

    Accuracy, F1, loss and calibration for expressions; F1 per action unit, and where the data set has the
    column `sex` the equal opportunity and parity difference between women and men. Before them stand `network`,
    `data`, `images` and `left_out`: what was evaluated, and on how many images.

    Args:
        network: a classifier's name or folder, a training's folder, or what `load_network` returned.
        batch: images of one call.

    Raises:
        JaxfaceError: the network cannot be loaded (`load_network`).
        DataError: the network and the data set have no class or action unit in common.
    """
    network = load_network(network) if isinstance(network, str | Path) else network
    if isinstance(network, RestoredRun):
        return _evaluate_run(network, dataset, batch)
    return evaluate_classifier(network, dataset, batch=batch)[0]


def _evaluate_run(run: RestoredRun, dataset: Dataset, batch: int) -> dict[str, Any]:
    framework = run.framework
    if framework.predicts_units:
        dataset = data.concat([dataset], run.task.labels, run.task.units)
    fns, state = programs(framework, run.model, run.task, run.train), run.result.state
    metrics = evaluate_dataset(fns, state, dataset, run.task, framework.output, batch, mesh_for(batch))
    about = {"network": str(run.folder), "data": dataset.name}
    return {**about, "images": len(dataset), "left_out": dataset.report.missing, **metrics}


def evaluate_classifier(
    classifier: Classifier, dataset: Dataset, *, batch: int = 64
) -> tuple[dict[str, Any], np.ndarray]:
    """Return the metrics, as `evaluate` does, and the logits (N, K) of the N images that they are of."""
    match = _match_units if classifier.card.multilabel else _match_classes
    subset, task, output, indices = match(classifier, dataset)

    def predict(_: None, images: Array) -> Array:
        return classifier.logits(_as_rgb(np.asarray(images)))

    logits = predict_dataset(predict, None, subset, batch, size=input_size(classifier))
    metrics = compute_metrics(task, output, logits[:, indices], subset.columns)
    about = {"network": classifier.name, "data": dataset.name}
    return {**about, "images": len(subset), "left_out": len(dataset) - len(subset), **metrics}, logits


_Match = tuple[Dataset, Task, OutputKind, list[int]]
"""What a classifier and a data set share, and the indices of the classifier's logits."""


def _match_classes(classifier: Classifier, dataset: Dataset) -> _Match:
    """Match classes by name; leave out images of classes that the classifier does not have."""
    labels = classifier.labels
    answers = {name: answer_of_class(name) for name in dataset.labels}
    common = [name for name, answer in answers.items() if answer in labels]
    if not common:
        raise DataError(
            f"{dataset.name} has images of none of {', '.join(labels)} (it has {', '.join(dataset.labels)})"
        )
    subset = dataset.relabel(common)
    label_index = np.array([labels.index(answers[name]) for name in common], np.int32)
    columns = {**subset.columns, "label": label_index[subset.columns["label"]]}
    subset = dataclasses.replace(subset, columns=columns, labels=labels)
    return subset, Task(labels=labels), "labels", list(range(len(labels)))


def answer_of_class(name: str) -> str:
    """Return the answer that a data set's class asks for; of no known spelling, its name."""
    try:
        return answer_name(name)
    except LabelError:
        return name


def _match_units(classifier: Classifier, dataset: Dataset) -> _Match:
    """Match action units by number; leave out those that only one of both has."""
    outputs = {action_unit(label): index for index, label in enumerate(classifier.labels)}
    units = [unit for unit in dataset.units if unit in outputs]
    if not units:
        raise DataError(f"{dataset.name} has labels of none of {', '.join(classifier.labels)}")
    dataset, indices = select_units(dataset, tuple(units)), [outputs[unit] for unit in units]
    return dataset, Task(units=dataset.units), "units", indices


def _as_rgb(images: np.ndarray) -> np.ndarray:
    """Return images as classifiers take them: (B, H, W, 3) float32 in [0, 1]."""
    images = images.astype(np.float32) / 255.0
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
