"""Rows of Table 3 trained from disjoint halves, one of which knows action units and the other expressions."""

from __future__ import annotations

import functools
import time
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
from jaxface.frameworks.causal_affect.networks import Outputs, expression_answers, unit_answers
from jaxface.frameworks.causal_affect.train import FRAMEWORK, look
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.evaluate import measures
from jaxface.frameworks.common.framework import Info, Task, programs
from jaxface.frameworks.common.images import unit_range

_OTHER = 1000  # of the second half's order: not that of the first


class Outcome(NamedTuple):
    """A trained network's answers to a test set, and its graphs.

    Attributes:
        units, expressions: logits (N, U) and (N, C) by who gives them: `answer`, and `features`, `global` and
            `sample` as far as they are there.
        graphs: `global`; `sample`, the mean over the faces whose units were learnt; `effects`, by interventions
            on them.
        info: what the last step told of itself.
        seconds: of CPU time, all threads, for the steps without compiling.
    """

    units: dict[str, np.ndarray]
    expressions: dict[str, np.ndarray]
    graphs: dict[str, SignedGraph]
    info: dict[str, float]
    seconds: float


def task_of_halves(units: Dataset, expressions: Dataset) -> Task:
    """What two data sets ask of a network together."""
    height = units[0]["image"].shape[0]
    return Task(joint_labels([expressions]), joint_units([units]), height)


def mixture(units: Dataset, expressions: Dataset, task: Task, batch: int, seed: int) -> MixtureStream:
    """Batches half of which know action units alone, and half expressions alone."""
    halves = (restrict_labels(units, "units"), restrict_labels(expressions, "label"))
    first, second = split_batch(batch, (1.0, 1.0))
    streams = [batches(halves[0], first, seed), batches(halves[1], second, seed + _OTHER)]
    return MixtureStream(streams, [(each.labels, each.units) for each in halves], (task.labels, task.units))


def trained(
    config: CausalAffectConfig, train: TrainConfig, halves: tuple[Dataset, Dataset], test: Dataset, seed: int
) -> Outcome:
    """Train one network and ask it about the test set; nothing of the test set is seen before.

    Args:
        train: the last step's parameters are taken.
        halves: the first teaches action units, the second expressions.
        test: knows both.
        seed: of order, parameters and steps.
    """
    task = task_of_halves(*halves)
    made = programs(FRAMEWORK, config, task, train)
    state, root = made.first(seed), jax.random.key(seed)
    stream, begun = mixture(*halves, task, train.batch, seed), 0.0
    info: Info = {}
    for step in range(train.steps):
        batch = {name: jnp.asarray(column) for name, column in next(stream).items()}
        state, info = made.update(state, batch, root)
        if step == 0:
            jax.block_until_ready(info)
            begun = time.process_time()
    told = {name: float(value) for name, value in jax.device_get(dict(info)).items()}
    seconds = time.process_time() - begun
    answers = _looking(config, task, made.graphdef)
    units, expressions = heads(config, looked_at(answers, state.best(), test, train.batch))
    learning = looked_at(answers, state.best(), halves[0], train.batch)
    network = nnx.merge(made.graphdef, state.best())
    found = graphs(network, config, task, learning, halves[0])
    return Outcome(units, expressions, found, told, seconds)


def looked_at(answers: Callable[..., Outputs], state: nnx.State, dataset: Dataset, batch: int) -> Outputs:
    """What networks make of a whole data set, as NumPy arrays (N, ...)."""
    parts = []
    for some in batches(dataset, batch, shuffle=False, epochs=1, remainder="pad"):
        mask = np.asarray(some["mask"])
        parts.append(
            jax.tree.map(lambda leaf, mask=mask: np.asarray(leaf)[mask], answers(state, some["image"]))
        )
    return cast(Outputs, jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts))


def heads(config: CausalAffectConfig, seen: Outputs) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Logits of units and of expressions by who gives them."""
    names = level_names(config)
    units = {"answer": unit_answers(seen, config), "features": seen.feature_logits}
    if seen.units is not None:
        units |= {name: seen.units.logits[:, place] for place, name in enumerate(names)}
    expressions = {"answer": expression_answers(seen, config)}
    if seen.expressions is not None:
        expressions |= {name: seen.expressions.logits[:, place] for place, name in enumerate(names)}
    first, second = ({name: np.asarray(each) for name, each in of.items()} for of in (units, expressions))
    return first, second


def graphs(
    network: nnx.Module, config: CausalAffectConfig, task: Task, seen: Outputs, faces: Dataset
) -> dict[str, SignedGraph]:
    """Every graph that there is, from what the network makes of faces whose units are known."""
    found: dict[str, SignedGraph] = {}
    features = jnp.asarray(seen.features)
    if config.parts.global_graph:
        found["global"] = extract_graphs.graph_of_all(network, task)
    if config.parts.sample_graph:
        found["sample"] = mean(extract_graphs.graphs_of_faces(network, task, features))
    if found:
        units, known = (jnp.asarray(faces.columns[name]) for name in ("units", "units_known"))
        found["effects"] = extract_graphs.effects(network, task, features, units, known)
    return found


def measured(outcome: Outcome, task: Task, columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What a study reports of one network: F1 of units and accuracy of expressions, by who answers.

    Args:
        columns: of the test set.
    """
    found: dict[str, Any] = {}
    for name, logits in outcome.units.items():
        every = measures(task, "units", logits, columns)
        found[f"units_f1_{name}"] = every["f1"]
        if name == "answer":
            found["units_f1_each"] = {unit: round(every[f"f1_au{unit}"], 4) for unit in task.units}
    for name, logits in outcome.expressions.items():
        every = measures(task, "labels", logits, columns)
        found[f"accuracy_{name}"] = every["accuracy"]
        found[f"mean_class_accuracy_{name}"] = every["mean_class_accuracy"]
    return {**found, "train_cpu_s": outcome.seconds}


@functools.lru_cache(maxsize=16)
def _looking(config: CausalAffectConfig, task: Task, graphdef: nnx.GraphDef) -> Callable[..., Outputs]:
    """(state, images uint8) -> what the networks make of them; compiled once."""

    def answers(state: nnx.State, images: Array) -> Outputs:
        return look(nnx.merge(graphdef, state), unit_range(images))

    return jax.jit(answers)
