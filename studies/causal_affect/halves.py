"""Rows of Table 3 trained on disjoint halves, one with labels of action units and the other of expressions."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.types import Array
from jaxface.data import Dataset, MixtureStream, batches
from jaxface.data.joining import joint_labels, joint_units, restrict_labels, split_batch
from jaxface.frameworks.causal_affect import extract_graphs
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.graphs import SignedGraph, mean
from jaxface.frameworks.causal_affect.losses import level_names
from jaxface.frameworks.causal_affect.networks import Outputs, expression_logits, unit_logits
from jaxface.frameworks.causal_affect.train import FRAMEWORK, forward_eval
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.evaluation import compute_metrics, predict_dataset
from jaxface.frameworks.common.framework import programs
from jaxface.frameworks.common.images import unit_range
from studies.training import train_steps

_SECOND_ORDER = 1000  # added to the seed of the second half's order, so that it differs from the first's


class HalvesRun(NamedTuple):
    """A trained network's predictions for a test set, and its graphs.

    Attributes:
        units, expressions: logits (N, U) and (N, C) by head: `answer`, the combined ones, and `features`,
            `global` and `sample` where the network has them.
        graphs: `global`; `sample`, the mean over the faces with labels of units; `effects`, of interventions on
            them.
        info: scalars of the last step.
        seconds: CPU time of the steps, all threads, without compilation.
    """

    units: dict[str, np.ndarray]
    expressions: dict[str, np.ndarray]
    graphs: dict[str, SignedGraph]
    info: dict[str, float]
    seconds: float


def task_of_halves(units: Dataset, expressions: Dataset) -> Task:
    """Return the task of two data sets together."""
    height = units[0]["image"].shape[0]
    return Task(joint_labels([expressions]), joint_units([units]), height)


def mixture(units: Dataset, expressions: Dataset, task: Task, batch: int, seed: int) -> MixtureStream:
    """Return batches half of which have labels of units alone, and half of expressions alone."""
    halves = (restrict_labels(units, "units"), restrict_labels(expressions, "label"))
    first, second = split_batch(batch, (1.0, 1.0))
    streams = [batches(halves[0], first, seed), batches(halves[1], second, seed + _SECOND_ORDER)]
    return MixtureStream(streams, [(half.labels, half.units) for half in halves], (task.labels, task.units))


def train_halves(
    config: CausalAffectConfig, train: TrainConfig, halves: tuple[Dataset, Dataset], test: Dataset, seed: int
) -> HalvesRun:
    """Train one network and predict the test set, which is not used before.

    Args:
        train: the last step's parameters are taken.
        halves: the first has labels of action units, the second of expressions.
        test: has both.
        seed: of order, parameters and steps.
    """
    task = task_of_halves(*halves)
    fns = programs(FRAMEWORK, config, task, train)
    stream = mixture(*halves, task, train.batch, seed)
    state, info, seconds = train_steps(fns, stream, train.steps, seed)
    forward, network_state = _forward(config, task, fns.graphdef), state.eval_state()
    units, expressions = split_heads(config, predict_dataset(forward, network_state, test, train.batch))
    outputs = predict_dataset(forward, network_state, halves[0], train.batch)
    network = nnx.merge(fns.graphdef, network_state)
    return HalvesRun(units, expressions, read_graphs(network, config, task, outputs, halves[0]), info, seconds)


def split_heads(
    config: CausalAffectConfig, outputs: Outputs
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return logits of units and of expressions by head."""
    names = level_names(config)
    units = {"answer": unit_logits(outputs, config), "features": outputs.feature_logits}
    if outputs.units is not None:
        units |= {name: outputs.units.logits[:, level] for level, name in enumerate(names)}
    expressions = {"answer": expression_logits(outputs, config)}
    if outputs.expressions is not None:
        expressions |= {name: outputs.expressions.logits[:, level] for level, name in enumerate(names)}
    return _to_numpy(units), _to_numpy(expressions)


def read_graphs(
    network: nnx.Module, config: CausalAffectConfig, task: Task, outputs: Outputs, faces: Dataset
) -> dict[str, SignedGraph]:
    """Return every graph that the network has, by its outputs for faces with labels of units."""
    graphs: dict[str, SignedGraph] = {}
    features = jnp.asarray(outputs.features)
    if config.parts.global_graph:
        graphs["global"] = extract_graphs.global_graph(network, task)
    if config.parts.sample_graph:
        graphs["sample"] = mean(extract_graphs.sample_graphs(network, task, features))
    if graphs:
        units, mask = (jnp.asarray(faces.columns[name]) for name in ("units", "units_known"))
        graphs["effects"] = extract_graphs.effects(network, task, features, units, mask)
    return graphs


def metrics_row(run: HalvesRun, task: Task, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what a study reports of one network: F1 of units and accuracy of expressions, by head.

    Args:
        columns: of the test set.
    """
    row: dict[str, Any] = {}
    for name, logits in run.units.items():
        metrics = compute_metrics(task, "units", logits, columns)
        row[f"units_f1_{name}"] = metrics["f1"]
        if name == "answer":
            row["units_f1_each"] = {unit: round(metrics[f"f1_au{unit}"], 4) for unit in task.units}
    for name, logits in run.expressions.items():
        metrics = compute_metrics(task, "labels", logits, columns)
        row[f"accuracy_{name}"] = metrics["accuracy"]
        row[f"mean_class_accuracy_{name}"] = metrics["mean_class_accuracy"]
    return {**row, "train_cpu_s": run.seconds}


@functools.lru_cache(maxsize=16)
def _forward(config: CausalAffectConfig, task: Task, graphdef: nnx.GraphDef) -> Callable[..., Outputs]:
    """Return (state, images uint8) -> the networks' outputs; compiled once."""

    def forward(state: nnx.State, images: Array) -> Outputs:
        return forward_eval(nnx.merge(graphdef, state), unit_range(images))

    return cast(Callable[..., Outputs], jax.jit(forward))


def _to_numpy(arrays: Mapping[str, Array]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in arrays.items()}
