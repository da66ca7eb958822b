"""A baseline for the learnt graphs: the same features joined by GATv2 (Brody, Alon & Yahav 2022).

Its attention is what such networks are usually read as a graph by. Against HPGAT it has no sign and sums to one
for every target; there is no graph of all faces, no intervention and nothing against cycles.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.classify.nets.layers import Dense
from jaxface.core.types import Array
from jaxface.data import Dataset, batches
from jaxface.data.augmentation import augment
from jaxface.frameworks.causal_affect import studies
from jaxface.frameworks.causal_affect import train as causal
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.encoder import Encoder, UnitFeatures, UnitHead, prepared
from jaxface.frameworks.causal_affect.graphs.baselines import Found
from jaxface.frameworks.causal_affect.graphs.signed import SignedGraph
from jaxface.frameworks.causal_affect.losses import expression_loss, unit_loss
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step, Task, programs
from jaxface.frameworks.common.images import colour, for_network, unit_range
from jaxface.frameworks.common.step import supervised_step

HEADS = 4
_SLOPE = 0.2  # of the leaky ReLU, as its authors'


class Attended(NamedTuple):
    """What the network makes of a batch.

    Attributes:
        feature_logits: (B, U), of each unit's own features.
        unit_logits: (B, U), of what the other units' features pass on; unit_attention: (B, U, U), from the
            unit of a column to that of a row, each row summing to 1.
        expression_logits: (B, C); expression_attention: (B, C, U).
    """

    feature_logits: Array
    unit_logits: Array
    unit_attention: Array
    expression_logits: Array
    expression_attention: Array


class Attention(nnx.Module):
    """One layer of GATv2 with several heads, from action units to targets, and a classifier of what arrives.

    e = a^T LeakyReLU(W_l h_target + W_r h_source); attention = softmax of e over sources; message = the sum of
    attention W_r h_source. The attention that is told is the heads' mean.

    Attributes:
        prototypes: (T, d), what expressions are asked for by; None where targets are the units themselves.
    """

    def __init__(self, targets: int, width: int, inner: int, own: bool, *, rngs: nnx.Rngs) -> None:
        self.target = Dense(width, HEADS * inner, bias=False, rngs=rngs)
        self.source = Dense(width, HEADS * inner, bias=False, rngs=rngs)
        self.score = nnx.Param(nnx.initializers.lecun_normal()(rngs.params(), (inner, HEADS)))
        draw = nnx.initializers.normal(1.0)
        self.prototypes = None if own else nnx.Param(draw(rngs.params(), (targets, width)))
        self.hidden, self.last = Dense(inner, inner, rngs=rngs), Dense(inner, 1, bias=False, rngs=rngs)
        self.bias = nnx.Param(jnp.zeros(targets))

    def __call__(self, features: Array) -> tuple[Array, Array]:
        """Logits (B, T) and attention (B, T, S) of features (B, S, d)."""
        batch, sources, _ = features.shape
        if self.prototypes is None:
            nodes = features
        else:
            nodes = jnp.broadcast_to(self.prototypes[...][None], (batch, *self.prototypes[...].shape))
        asked = self.target(nodes).reshape(batch, -1, HEADS, self.score[...].shape[0])
        told = self.source(features).reshape(batch, sources, HEADS, -1)
        joined = jax.nn.leaky_relu(asked[:, :, None] + told[:, None], _SLOPE)
        odds = jnp.einsum("btshw,wh->bhts", joined, self.score[...])
        if self.prototypes is None:  # a unit that attends to itself need not look at others
            odds = jnp.where(jnp.eye(sources, dtype=bool)[None, None], -jnp.inf, odds)
        attention = jax.nn.softmax(odds, axis=-1)
        messages = jnp.einsum("bhts,bshw->bthw", attention, told).mean(axis=2)
        logits = self.last(jax.nn.relu(self.hidden(messages)))[..., 0] + self.bias[...][None]
        return logits, attention.mean(axis=1)


class AttentionNetwork(nnx.Module):
    """The encoder and features of CausalAffect with GATv2 on top."""

    def __init__(self, config: CausalAffectConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        units, classes, inner = len(task.units), len(task.labels), config.graph.width
        self.encoder = Encoder(config, task.size, rngs=rngs)
        self.features = UnitFeatures(units, self.encoder.width, config.width, rngs=rngs)
        self.unit_head = UnitHead(units, config.width, rngs=rngs)
        self.units = Attention(units, config.width, inner, True, rngs=rngs)
        self.expressions = Attention(classes, config.width, inner, False, rngs=rngs)

    def __call__(self, images: Array) -> Attended:
        """Of prepared faces (B, H, W, 3)."""
        features = self.features(self.encoder(images))
        return Attended(self.unit_head(features), *self.units(features), *self.expressions(features))


def build(config: CausalAffectConfig, task: Task, rngs: nnx.Rngs) -> AttentionNetwork:
    """The network; `config.parts`, `bottleneck` and `counterfactual` say nothing about it."""
    return AttentionNetwork(config, task, rngs=rngs)


def make_step(config: CausalAffectConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """Cross-entropies of units by their features and by the graph, and of expressions, where they are known."""

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        network = cast(AttentionNetwork, module)
        images = prepared(colour(augment(key, batch["image"], config.augment)))
        seen = network(for_network(images, network))
        units, known = batch["units"].astype(jnp.float32), batch["units_known"]
        features = unit_loss(seen.feature_logits, units, known)
        graph = unit_loss(seen.unit_logits, units, known)
        shown = expression_loss(seen.expression_logits, batch["label"])
        info = {"feature_loss": features, "unit_loss": graph, "expression_loss": shown}
        return features + graph + config.expressions * shown, info

    return supervised_step(graphdef, loss, train)


def look(module: nnx.Module, images: Array) -> Attended:
    """What the network makes of images (B, H, W, 3 or 1) in [0, 1], in inference mode."""
    network = cast(AttentionNetwork, module)
    return network(for_network(prepared(colour(images)), network))


def predict(config: CausalAffectConfig, task: Task, module: nnx.Module, images: Array) -> Array:
    """Logits of the expressions, (B, C)."""
    return look(module, images).expression_logits


def graph(task: Task, unit_attention: np.ndarray, expression_attention: np.ndarray) -> Found:
    """The mean attention over images as a graph without signs: every edge counts as excitatory.

    Weights are attention over its mean 1 / S, divided by the largest; what gets more than the mean is an edge.

    Args:
        unit_attention: (U, U) of a target's row; expression_attention: (C, U).
    """
    units = len(task.units)
    between, onwards = (units - 1) * unit_attention.T, units * expression_attention.T
    largest = max(float(between.max()), float(onwards.max()), 1.0)
    made = SignedGraph(task.units, task.labels, between / largest, onwards / largest)
    return Found(made, 1.0 / largest)


FRAMEWORK = Framework(
    name="gatv2",
    config=CausalAffectConfig,
    build=build,
    make_step=make_step,
    predict=predict,
    fixture=causal.fixture,
    size=causal.size,
)
"""For `programs`; it is a baseline of `benchmarks/causal_truth.py` and in no registry."""


class Outcome(NamedTuple):
    """A trained baseline.

    Attributes:
        found: its graph: the mean attention over the faces whose units were learnt.
        units, expressions: its logits for a test set, (N, U), of features and graph in the mean, and (N, C).
        seconds: of CPU time, all threads, for the steps without compiling.
    """

    found: Found
    units: np.ndarray
    expressions: np.ndarray
    seconds: float


def trained(
    config: CausalAffectConfig, train: TrainConfig, halves: tuple[Dataset, Dataset], test: Dataset, seed: int
) -> Outcome:
    """Train on the same batches as `studies.trained`, with the same arguments."""
    task = studies.task_of_halves(*halves)
    made = programs(FRAMEWORK, config, task, train)
    state, root = made.first(seed), jax.random.key(seed)
    stream, begun = studies.mixture(*halves, task, train.batch, seed), 0.0
    for step in range(train.steps):
        batch = {name: jnp.asarray(column) for name, column in next(stream).items()}
        state, info = made.update(state, batch, root)
        if step == 0:
            jax.block_until_ready(info)
            begun = time.process_time()
    best = jax.block_until_ready(state.best())
    seconds = time.process_time() - begun
    answers = jax.jit(lambda state, images: look(nnx.merge(made.graphdef, state), unit_range(images)))
    learning, asked = (_looked_at(answers, best, of, train.batch) for of in (halves[0], test))
    attention = (learning.unit_attention, learning.expression_attention)
    found = graph(task, *(np.asarray(each).mean(0) for each in attention))
    units = np.asarray(asked.feature_logits + asked.unit_logits) / 2
    return Outcome(found, units, np.asarray(asked.expression_logits), seconds)


def _looked_at(answers: Any, state: nnx.State, dataset: Dataset, batch: int) -> Attended:
    """What the network makes of a data set, as NumPy arrays (N, ...)."""
    parts = []
    for some in batches(dataset, batch, shuffle=False, epochs=1, remainder="pad"):
        mask = np.asarray(some["mask"])
        parts.append(
            jax.tree.map(lambda leaf, mask=mask: np.asarray(leaf)[mask], answers(state, some["image"]))
        )
    return cast(Attended, jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts))
