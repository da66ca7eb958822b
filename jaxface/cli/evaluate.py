"""`jaxface evaluate`: how good a trained network, or any classifier, is on a data set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro

from jaxface import classify, data, frameworks
from jaxface.classify.card import CARD_FILE
from jaxface.cli import options
from jaxface.core import io, runtime
from jaxface.core.errors import ConfigError, DataError
from jaxface.core.sharding import mesh_for
from jaxface.core.types import action_unit
from jaxface.data import Dataset, rendered
from jaxface.frameworks.common.evaluate import Evaluator, measures
from jaxface.frameworks.common.framework import OutputKind, Task, programs
from jaxface.frameworks.common.inputs import RECIPE, parsed, recipe_at
from jaxface.frameworks.common.record import RUN, read_settings
from jaxface.frameworks.common.training import restore


@dataclass(frozen=True)
class EvaluateSettings:
    """What is asked, and about what."""

    data: str = RECIPE
    """A data set's name (folder, rendered, ...), or `recipe`: rendered faces."""

    root: Path = Path("expressions")
    """Folder or file of the data set; of a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=test."""

    images: int = 512
    """Images of a recipe."""

    batch: int = 64
    """Images of one call."""

    seed: int = 1_000_000
    """Of a recipe: none that a training is likely to have had."""


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained network or any classifier on a data set: accuracy, F1, calibration; per action unit,
    and fairness between the sexes, where the data know them."""

    network: tyro.conf.Positional[str] = ""
    """Folder of a training, folder of a classifier, or a classifier's name."""

    settings: Annotated[EvaluateSettings, tyro.conf.arg(name="")] = field(default_factory=EvaluateSettings)

    config: str | None = None
    """TOML file with these settings; flags win over it."""

    out: Path | None = None
    """Where the measures are written as JSON, too."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    command = options.parse(Evaluate(), "evaluate", argv)
    if not command.network:
        raise ConfigError("name what is to be measured: the folder of a training or of a classifier, or a name")
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    found = evaluated(command.network, command.settings)
    for name, value in found.items():
        print(f"{name:24}{value:.4f}" if isinstance(value, float) else f"{name:24}{value}")
    if command.out is not None:
        path = command.out if command.out.suffix == ".json" else command.out / "evaluation.json"
        io.write_text(path, json.dumps(found, indent=2) + "\n")
        print(path)
    return 0


def evaluated(network: str, settings: EvaluateSettings) -> dict[str, Any]:
    """Every measure there is, by name; before them what was measured, and on how many images."""
    folder = Path(network)
    if (folder / RUN).is_file() and not (folder / CARD_FILE).is_file():
        return _of_training(folder, settings)
    return _of_classifier(classify.load(network), settings)


def _of_classifier(classifier: classify.Classifier, settings: EvaluateSettings) -> dict[str, Any]:
    size = classifier.card.resize_to or classifier.card.size
    dataset = _dataset(settings, size)
    match = _matched_units if classifier.card.multilabel else _matched_classes
    asked, task, answers, outputs, columns = match(classifier, dataset)
    stream = data.batches(asked, settings.batch, shuffle=False, size=size, epochs=1, remainder="pad")
    logits = [np.asarray(classifier.logits(_seen(some["image"])))[some["mask"]] for some in stream]
    found = measures(task, answers, np.concatenate(logits)[:, outputs], columns)
    about = {
        "network": classifier.name,
        "data": dataset.name,
        "images": len(asked),
        "left_out": len(dataset) - len(asked),
    }
    return {**about, **found}


class _Matched(NamedTuple):
    """What a classifier and a data set have in common: images, task, and the outputs that it is of."""

    asked: Dataset
    task: Task
    answers: OutputKind
    outputs: list[int]
    columns: Mapping[str, np.ndarray]


def _matched_classes(classifier: classify.Classifier, dataset: Dataset) -> _Matched:
    """Classes are matched by name; images of classes that the classifier does not know are left out."""
    labels = classifier.labels
    known = [label in labels for label in dataset.labels]
    asked = dataset.take(np.array(known)[dataset.column("label")])
    places = np.array([labels.index(name) if name in labels else 0 for name in dataset.labels])
    columns = {**asked.columns, "label": places[asked.columns["label"]]}
    return _Matched(asked, Task(labels=labels), "labels", list(range(len(labels))), columns)


def _matched_units(classifier: classify.Classifier, dataset: Dataset) -> _Matched:
    """Action units are matched by number; those that one of both does not know are left out."""
    outputs = {action_unit(label): place for place, label in enumerate(classifier.labels)}
    common = [unit for unit in dataset.units if unit in outputs]
    if not common:
        raise DataError(f"{dataset.name} has labels of none of {', '.join(classifier.labels)}")
    kept = [dataset.units.index(unit) for unit in common]
    columns = dict(dataset.columns)
    columns |= {name: columns[name][:, kept] for name in ("units", "units_known") if name in columns}
    return _Matched(dataset, Task(units=tuple(common)), "units", [outputs[unit] for unit in common], columns)


def _of_training(folder: Path, settings: EvaluateSettings) -> dict[str, Any]:
    framework = frameworks.load(read_settings(folder)["framework"])
    trained = restore(framework, folder)
    dataset = _dataset(settings, trained.task.size)
    if framework.units is not None:
        dataset = data.concat([dataset], trained.task.labels, trained.task.units)
    run = programs(framework, trained.model, trained.task, trained.train)
    mesh = mesh_for(settings.batch)
    ask = Evaluator(run.predict, trained.task, framework.answers, settings.batch, mesh, run.units)
    about = {
        "network": str(folder),
        "data": dataset.name,
        "images": len(dataset),
        "left_out": dataset.report.missing,
    }
    return {**about, **ask(trained.fitted.state, dataset)}


def _dataset(settings: EvaluateSettings, size: int | None) -> Dataset:
    if settings.data != RECIPE:
        return data.open(settings.data, settings.root, **parsed(settings.options))
    return rendered.dataset(recipe_at(settings.root, size), settings.images, settings.seed)


def _seen(images: np.ndarray) -> np.ndarray:
    """What a classifier is asked about: (B, H, W, 3) float32 in [0, 1]."""
    scaled = images.astype(np.float32) / 255.0
    return np.repeat(scaled, 3, axis=-1) if scaled.shape[-1] == 1 else scaled
