"""Cross-validation: the predictions of several trainings for their held-out people, evaluated together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxface.core.config import from_dict
from jaxface.core.errors import DataError
from jaxface.core.run_folder import read_settings
from jaxface.core.sharding import mesh_for
from jaxface.frameworks.common.evaluation import compute_metrics, predict_dataset
from jaxface.frameworks.common.framework import programs
from jaxface.frameworks.common.task import Task
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.pm2.inputs import Pm2Data
from jaxface.frameworks.pm2.train import FRAMEWORK

Fold = tuple[np.ndarray, Mapping[str, np.ndarray]]
"""Logits (N, U) of one fold's people, and their columns, (N, ...) each."""


def evaluate_folds(folders: Sequence[str | Path]) -> dict[str, float]:
    """Return the metrics of the trainings in these folders, over the frames of all folds together.

    Each network predicts what its own training held out: `data.validation`, such as a fold's test part.

    Raises:
        DataError: a training held nothing out, or they have different action units.
        StoreError: a folder holds no training of this framework.
    """
    folds: list[Fold] = []
    task: Task | None = None
    for folder in map(Path, folders):
        run, settings = restore(folder, FRAMEWORK), read_settings(folder, "training")
        table = {name: value for name, value in settings["data"].items() if name != "examples"}
        data = from_dict(Pm2Data, table)
        validation = FRAMEWORK.open_inputs(run.model, data, run.train, settings["seed"]).validation
        if validation is None:
            raise DataError(f"{folder} held no people out; train it with data.validation, such as split=test")
        if task is not None and task.units != run.task.units:
            raise DataError(
                f"{folder} has the units {list(run.task.units)}, another one {list(task.units)}: must be "
                "the same"
            )
        task = run.task
        predict, batch = programs(FRAMEWORK, run.model, task, run.train).predict, run.train.batch
        logits = predict_dataset(
            predict, run.result.state, validation, batch, size=task.size, mesh=mesh_for(batch)
        )
        folds.append((logits, validation.columns))
    if task is None:
        raise DataError("no folder of a training was named")
    return pool_folds(task, folds)


def pool_folds(task: Task, folds: Sequence[Fold]) -> dict[str, float]:
    """Return metrics of all folds' frames, not their mean: a unit may be rare in one of them."""
    names = [name for name in ("units", "units_known", "sex") if all(name in columns for _, columns in folds)]
    columns = {name: np.concatenate([columns[name] for _, columns in folds]) for name in names}
    return compute_metrics(task, "units", np.concatenate([logits for logits, _ in folds]), columns)
