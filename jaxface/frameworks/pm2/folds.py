"""Cross-validation: several trainings, each asked about the people it was not trained on, measured as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxface.core.config import from_dict
from jaxface.core.errors import DataError
from jaxface.core.sharding import mesh_for
from jaxface.frameworks.common.evaluate import Evaluator, measures
from jaxface.frameworks.common.framework import Task, programs
from jaxface.frameworks.common.record import read_settings
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.pm2.inputs import Pm2Data, pm2_inputs
from jaxface.frameworks.pm2.train import FRAMEWORK

Part = tuple[np.ndarray, Mapping[str, np.ndarray]]
"""Logits (N, U) of one fold's people, and their columns, (N, ...) each."""


def of_folders(folders: Sequence[str | Path]) -> dict[str, float]:
    """Every measure of the folds whose trainings lie in these folders, over all their frames together.

    Each network is asked about what its own training held out: `data.validation`, such as a fold's test part.

    Raises:
        DataError: a training held nothing out, or they know different action units.
        StoreError: a folder holds no training of this framework.
    """
    parts: list[Part] = []
    task: Task | None = None
    for folder in map(Path, folders):
        trained, told = restore(FRAMEWORK, folder), read_settings(folder)
        data = from_dict(Pm2Data, {name: value for name, value in told["data"].items() if name != "examples"})
        held = pm2_inputs(trained.model, data, trained.train, told["seed"]).validation
        if held is None:
            raise DataError(f"{folder} held no people out; train it with data.validation, such as split=test")
        if task is not None and task.units != trained.task.units:
            raise DataError(
                f"{folder} knows {list(trained.task.units)}, another one {list(task.units)}; wanted one list"
            )
        task = trained.task
        run = programs(FRAMEWORK, trained.model, task, trained.train)
        batch = trained.train.batch
        ask = Evaluator(run.predict, task, FRAMEWORK.answers, batch, mesh_for(batch))
        parts.append((ask.logits(trained.fitted.state, held), held.columns))
    if task is None:
        raise DataError("no folder of a training was named")
    return pooled(task, parts)


def pooled(task: Task, parts: Sequence[Part]) -> dict[str, float]:
    """Measures over the frames of all parts, not the mean of theirs: an action unit may be rare in one of
    them."""
    shared = [name for name in ("units", "units_known", "sex") if all(name in columns for _, columns in parts)]
    columns = {name: np.concatenate([columns[name] for _, columns in parts]) for name in shared}
    return measures(task, "units", np.concatenate([logits for logits, _ in parts]), columns)
