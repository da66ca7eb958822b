"""How good answers are: the measures of a whole data set, in batches of one shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxface.core.sharding import shard_batch
from jaxface.core.types import Array
from jaxface.data import Dataset, batches
from jaxface.frameworks.common import metrics
from jaxface.frameworks.common.framework import OutputKind, Task

BESIDE = "units_"
"""What the measures of action units begin with, where a network answers with something else."""

Predict = Callable[[Any, Array], Array]
"""(state, images (B, H, W, C)) -> logits; pure, and compiled."""


@dataclass(frozen=True)
class Evaluator:
    """Asks a network about data sets.

    Attributes:
        predict: the network.
        batch: examples of one call, spread over the devices of the mesh.
        units: action units by the same network, beside its answers.
    """

    predict: Predict
    task: Task
    answers: OutputKind
    batch: int
    mesh: Mesh
    units: Predict | None = None

    def logits(self, state: Any, dataset: Dataset, predict: Predict | None = None) -> np.ndarray:
        """Of every example, in order: (N, K) or (N, U) float32; of another predictor if one is given."""
        predict = predict or self.predict
        found = []
        stream = batches(dataset, self.batch, shuffle=False, size=self.task.size, epochs=1, remainder="pad")
        for some in stream:
            images = shard_batch({"image": some["image"]}, self.mesh)["image"]
            found.append(np.asarray(predict(state, images))[np.asarray(some["mask"])])
        return np.concatenate(found)

    def __call__(self, state: Any, dataset: Dataset) -> dict[str, float]:
        """Every measure that the task and the columns allow: `measures`, and those of units beside them with
        `units_` before their names."""
        found: dict[str, float] = {}
        columns = dataset.columns
        if self.units is None or ("label" in columns and (columns["label"] >= 0).any()):
            found = measures(self.task, self.answers, self.logits(state, dataset), columns)
        if self.units is not None and "units_known" in columns and columns["units_known"].any():
            beside = measures(self.task, "units", self.logits(state, dataset, self.units), columns)
            found |= {f"{BESIDE}{name}": value for name, value in beside.items()}
        return found


def known_measures(task: Task, answers: OutputKind, beside: bool = False) -> tuple[str, ...]:
    """Names of what `measures` can say of a task, and of action units `beside` its answers."""
    if beside:
        own = known_measures(task, answers) if task.labels else ()
        return (*own, *(f"{BESIDE}{name}" for name in known_measures(task, "units")))
    if answers == "units":
        per_unit = tuple(f"f1_au{unit}" for unit in task.units)
        return ("f1", *per_unit, "equal_opportunity", "parity_difference")
    return ("accuracy", "mean_class_accuracy", "f1", "loss", "calibration_error")


def measures(
    task: Task, answers: OutputKind, logits: np.ndarray, columns: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """What there is to say of answers, by name; the first is what a framework is judged by unless told
    otherwise.

    For classes: `accuracy`, `mean_class_accuracy`, `f1` (mean over classes), `loss`, `calibration_error`. For
    action units, all frames pooled and a unit present where its probability is above 1/2: `f1`, `f1_au12` ...,
    and with a column `sex` (0 and 1; others are left out) `equal_opportunity` and `parity_difference`, means
    over units.

    Args:
        logits: (N, K) or (N, U).
        columns: `label` (N,), where -1 is not known and counts nowhere, or `units` and perhaps `units_known`
            (N, U).
    """
    found = _of_units(task, logits, columns) if answers == "units" else _of_classes(task, logits, columns)
    return {name: float(value) for name, value in found.items()}


def _of_classes(task: Task, logits: np.ndarray, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    known = columns["label"] >= 0
    scores, truth = jnp.asarray(logits[known]), jnp.asarray(columns["label"][known])
    matrix = metrics.confusion(scores.argmax(-1), truth, len(task.labels))
    chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), truth[:, None], axis=-1)
    return {
        "accuracy": metrics.accuracy(matrix),
        "mean_class_accuracy": metrics.mean_class_accuracy(matrix),
        "f1": jnp.nanmean(metrics.class_f1(matrix)),
        "loss": -chosen.mean(),
        "calibration_error": metrics.calibration_error(jax.nn.softmax(scores), truth),
    }


def _of_units(task: Task, logits: np.ndarray, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    truth = columns["units"]
    known = columns.get("units_known", np.ones(truth.shape, bool))

    def counted(rows: Any) -> Array:
        return metrics.unit_counts(*(jnp.asarray(each[rows]) for each in (logits > 0.0, truth, known)))

    counts = counted(slice(None))
    found: dict[str, Any] = {"f1": metrics.mean_f1(counts)}
    found |= {f"f1_au{unit}": f1 for unit, f1 in zip(task.units, metrics.unit_f1(counts), strict=True)}
    if "sex" in columns:
        women, men = counted(columns["sex"] == 0), counted(columns["sex"] == 1)
        found["equal_opportunity"] = jnp.nanmean(metrics.equal_opportunity(women, men))
        found["parity_difference"] = jnp.nanmean(metrics.statistical_parity_difference(women, men))
    return found
