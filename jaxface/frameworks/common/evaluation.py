"""Predictions for a whole data set, and the metrics of them."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxface.core.sharding import shard_batch
from jaxface.core.types import Array
from jaxface.data import Dataset, batches
from jaxface.frameworks.common import metrics
from jaxface.frameworks.common.config import OutputKind, Task
from jaxface.frameworks.common.framework import Programs

Predict = Callable[[Any, Array], Any]
"""(state, images (B, H, W, C)) -> logits, or a pytree of arrays (B, ...); pure and compiled."""


def predict_dataset(
    predict: Predict,
    state: Any,
    dataset: Dataset,
    batch: int,
    *,
    size: int | None = None,
    mesh: Mesh | None = None,
) -> Any:
    """Return the predictions for every example, in order: NumPy arrays (N, ...).

    Args:
        predict: called with batches of one shape; the last is padded and the padding dropped.
        size: pixels along an edge that images are resized to; None = as they are.
        mesh: devices to shard each batch over; None = the default device.
    """
    parts, masks = [], []
    for examples in batches(dataset, batch, shuffle=False, size=size, epochs=1, remainder="pad"):
        images = {"image": examples["image"]}
        images = images if mesh is None else shard_batch(images, mesh)
        parts.append(jax.device_get(predict(state, images["image"])))
        masks.append(examples["mask"])
    mask = np.concatenate(masks)
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[mask], *parts)


def evaluate_dataset(
    fns: Programs, state: Any, dataset: Dataset, task: Task, output: OutputKind, batch: int, mesh: Mesh
) -> dict[str, float]:
    """Return every metric that the task and the data set's columns allow.

    Args:
        fns: where `predict_units` is not None, its metrics have `units_` before their names.
        output: what the logits of `fns.predict` are of.
    """
    columns = dataset.columns
    results: dict[str, float] = {}

    def logits(predict: Predict) -> np.ndarray:
        return np.asarray(predict_dataset(predict, state, dataset, batch, size=task.size, mesh=mesh))

    if fns.predict_units is None or ("label" in columns and (columns["label"] >= 0).any()):
        results = compute_metrics(task, output, logits(fns.predict), columns)
    if fns.predict_units is not None and "units_known" in columns and columns["units_known"].any():
        of_units = compute_metrics(task, "units", logits(fns.predict_units), columns)
        results |= {f"units_{name}": value for name, value in of_units.items()}
    return results


def metric_names(task: Task, output: OutputKind, with_units: bool = False) -> tuple[str, ...]:
    """Return all names of metrics; `with_units`: of a network that also predicts action units."""
    if with_units:
        main = metric_names(task, output) if task.labels else ()
        return (*main, *(f"units_{name}" for name in metric_names(task, "units")))
    if output == "units":
        per_unit = tuple(f"f1_au{unit}" for unit in task.units)
        return ("f1", *per_unit, "equal_opportunity", "parity_difference")
    return ("accuracy", "mean_class_accuracy", "f1", "loss", "calibration_error")


def compute_metrics(
    task: Task, output: OutputKind, logits: np.ndarray, columns: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return the metrics of logits by name; the first is the default of `train.monitor`.

    For classes: `accuracy`, `mean_class_accuracy`, `f1` (mean over classes), `loss`, `calibration_error`. For
    action units, over all frames pooled and with a unit present where its probability is above 1/2: `f1`,
    `f1_au12` ...; with a column `sex` (0 and 1; others are left out) also `equal_opportunity` and
    `parity_difference`, means over units.

    Args:
        logits: (N, K) or (N, U).
        columns: `label` (N,), -1 = not counted, or `units` and perhaps `units_known` (N, U).
    """
    compute = _unit_metrics if output == "units" else _class_metrics
    return {name: float(value) for name, value in compute(task, logits, columns).items()}


def _class_metrics(task: Task, logits: np.ndarray, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    mask = columns["label"] >= 0
    scores, labels = jnp.asarray(logits[mask]), jnp.asarray(columns["label"][mask])
    matrix = metrics.confusion(scores.argmax(-1), labels, len(task.labels))
    log_likelihood = jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=-1)
    return {
        "accuracy": metrics.accuracy(matrix),
        "mean_class_accuracy": metrics.mean_class_accuracy(matrix),
        "f1": jnp.nanmean(metrics.class_f1(matrix)),
        "loss": -log_likelihood.mean(),
        "calibration_error": metrics.calibration_error(jax.nn.softmax(scores), labels),
    }


def _unit_metrics(task: Task, logits: np.ndarray, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    labels = columns["units"]
    mask = columns.get("units_known", np.ones(labels.shape, bool))

    def unit_counts(rows: Any) -> Array:
        return metrics.unit_counts(*(jnp.asarray(array[rows]) for array in (logits > 0.0, labels, mask)))

    counts = unit_counts(slice(None))
    results: dict[str, Any] = {"f1": metrics.mean_f1(counts)}
    results |= {f"f1_au{unit}": f1 for unit, f1 in zip(task.units, metrics.unit_f1(counts), strict=True)}
    if "sex" in columns:
        women, men = unit_counts(columns["sex"] == 0), unit_counts(columns["sex"] == 1)
        results["equal_opportunity"] = jnp.nanmean(metrics.equal_opportunity(women, men))
        results["parity_difference"] = jnp.nanmean(metrics.statistical_parity_difference(women, men))
    return results
