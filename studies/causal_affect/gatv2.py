"""A baseline for the learnt graphs: the same features with GATv2 (Brody, Alon & Yahav 2022) on top.

Its attention is commonly interpreted as a graph. Unlike HPGAT's, it has no sign and sums to one for every
target; there is no global graph, no intervention and no acyclicity constraint.
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.classify.nets.layers import Dense
from jaxface.core.types import Array
from jaxface.data import Dataset
from jaxface.data.augmentation import augment
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.encoder import Encoder, UnitFeatures, UnitHead
from jaxface.frameworks.causal_affect.graphs import SignedGraph
from jaxface.frameworks.causal_affect.losses import expression_loss, unit_loss
from jaxface.frameworks.causal_affect.train import CausalAffectFramework
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.evaluation import predict_dataset
from jaxface.frameworks.common.framework import Batch, Info, Step, programs
from jaxface.frameworks.common.images import cast_like, imagenet_normalize, to_rgb, unit_range
from jaxface.frameworks.common.step import supervised_step
from studies.causal_affect.baselines import Discovery
from studies.causal_affect.halves import mixture, task_of_halves
from studies.training import train_steps

HEADS = 4
_SLOPE = 0.2  # of the leaky ReLU, as its authors'


class AttentionOutputs(NamedTuple):
    """The outputs of the network for a batch.

    Attributes:
        feature_logits: (B, U), of each unit's own features.
        unit_logits: (B, U), of the messages of the other units' features; unit_attention: (B, U, U), from the
            unit of a column to that of a row, each row summing to 1.
        expression_logits: (B, C); expression_attention: (B, C, U).
    """

    feature_logits: Array
    unit_logits: Array
    unit_attention: Array
    expression_logits: Array
    expression_attention: Array


class Attention(nnx.Module):
    """One layer of GATv2 with several heads, from action units to targets, and a classifier of the messages.

    e = a^T LeakyReLU(W_l h_target + W_r h_source); attention = softmax of e over sources; message = the sum of
    attention W_r h_source. The attention that is returned is the heads' mean.

    Attributes:
        prototypes: (T, d), the queries of expressions; None where targets are the units themselves.
    """

    def __init__(self, targets: int, width: int, inner: int, own: bool, *, rngs: nnx.Rngs) -> None:
        self.target = Dense(width, HEADS * inner, bias=False, rngs=rngs)
        self.source = Dense(width, HEADS * inner, bias=False, rngs=rngs)
        self.score = nnx.Param(nnx.initializers.lecun_normal()(rngs.params(), (inner, HEADS)))
        initializer = nnx.initializers.normal(1.0)
        self.prototypes = None if own else nnx.Param(initializer(rngs.params(), (targets, width)))
        self.hidden, self.last = Dense(inner, inner, rngs=rngs), Dense(inner, 1, bias=False, rngs=rngs)
        self.bias = nnx.Param(jnp.zeros(targets))

    def __call__(self, features: Array) -> tuple[Array, Array]:
        """Return logits (B, T) and attention (B, T, S) for features (B, S, d)."""
        batch, sources, _ = features.shape
        if self.prototypes is None:
            nodes = features
        else:
            nodes = jnp.broadcast_to(self.prototypes[...][None], (batch, *self.prototypes[...].shape))
        queries = self.target(nodes).reshape(batch, -1, HEADS, self.score[...].shape[0])
        values = self.source(features).reshape(batch, sources, HEADS, -1)
        pairs = jax.nn.leaky_relu(queries[:, :, None] + values[:, None], _SLOPE)
        scores = jnp.einsum("btshw,wh->bhts", pairs, self.score[...])
        if self.prototypes is None:  # a unit that attended to itself would need no other
            scores = jnp.where(jnp.eye(sources, dtype=bool)[None, None], -jnp.inf, scores)
        attention = jax.nn.softmax(scores, axis=-1)
        messages = jnp.einsum("bhts,bshw->bthw", attention, values).mean(axis=2)
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

    def __call__(self, images: Array) -> AttentionOutputs:
        """Return the outputs for normalized faces (B, H, W, 3)."""
        features = self.features(self.encoder(images))
        return AttentionOutputs(self.unit_head(features), *self.units(features), *self.expressions(features))


def forward_eval(module: nnx.Module, images: Array) -> AttentionOutputs:
    """Return the network's outputs for images (B, H, W, 3 or 1) in [0, 1], in inference mode."""
    network = cast(AttentionNetwork, module)
    return network(cast_like(imagenet_normalize(to_rgb(images)), network))


def attention_graph(task: Task, unit_attention: np.ndarray, expression_attention: np.ndarray) -> Discovery:
    """Return the mean attention over images as a graph without signs: every edge counts as excitatory.

    Weights are attention over its mean 1 / S, divided by the largest; what gets more than the mean is an edge.

    Args:
        unit_attention: (U, U) of a target's row; expression_attention: (C, U).
    """
    units = len(task.units)
    between, to_expressions = (units - 1) * unit_attention.T, units * expression_attention.T
    largest = max(float(between.max()), float(to_expressions.max()), 1.0)
    graph = SignedGraph(task.units, task.labels, between / largest, to_expressions / largest)
    return Discovery(graph, 1.0 / largest)


class Gatv2Framework(CausalAffectFramework):
    """The baseline; `config.parts`, `bottleneck` and `counterfactual` have no effect."""

    name = "gatv2"
    predicts_units = False

    def build(self, config: CausalAffectConfig, task: Task, rngs: nnx.Rngs) -> AttentionNetwork:
        """Build the network."""
        return AttentionNetwork(config, task, rngs=rngs)

    def initialize(self, config: CausalAffectConfig, task: Task, state: nnx.State) -> nnx.State:
        """Return the state as it is."""
        return state

    def make_step(
        self, config: CausalAffectConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef
    ) -> Step:
        """Return the step of the cross-entropies of units, by features and by the graph, and of expressions."""

        def loss(module: nnx.Module, batch: Batch, key: Array, step_fraction: Array) -> tuple[Array, Info]:
            network = cast(AttentionNetwork, module)
            images = imagenet_normalize(to_rgb(augment(key, batch["image"], config.augment)))
            outputs = network(cast_like(images, network))
            units, mask = batch["units"].astype(jnp.float32), batch["units_known"]
            features = unit_loss(outputs.feature_logits, units, mask)
            graph = unit_loss(outputs.unit_logits, units, mask)
            expressions = expression_loss(outputs.expression_logits, batch["label"])
            info = {"feature_loss": features, "unit_loss": graph, "expression_loss": expressions}
            return features + graph + config.expressions * expressions, info

        return supervised_step(graphdef, loss, train)

    def predict(self, config: CausalAffectConfig, task: Task, module: nnx.Module, images: Array) -> Array:
        """Return logits of the expressions, (B, C)."""
        return forward_eval(module, images).expression_logits


FRAMEWORK = Gatv2Framework()
"""For `programs`; it is a baseline of `benchmarks/causal_truth.py` and in no registry."""


class Gatv2Run(NamedTuple):
    """A trained baseline.

    Attributes:
        discovery: its graph: the mean attention over the faces with labels of units.
        units, expressions: its logits for a test set: (N, U), the mean of features and graph, and (N, C).
        seconds: CPU time of the steps, all threads, without compilation.
    """

    discovery: Discovery
    units: np.ndarray
    expressions: np.ndarray
    seconds: float


def train_gatv2(
    config: CausalAffectConfig, train: TrainConfig, halves: tuple[Dataset, Dataset], test: Dataset, seed: int
) -> Gatv2Run:
    """Train on the same batches as `halves.train_halves`, with the same arguments."""
    task = task_of_halves(*halves)
    fns = programs(FRAMEWORK, config, task, train)
    stream = mixture(*halves, task, train.batch, seed)
    state, _, seconds = train_steps(fns, stream, train.steps, seed)

    def forward(state: nnx.State, images: Array) -> AttentionOutputs:
        return forward_eval(nnx.merge(fns.graphdef, state), unit_range(images))

    outputs, test_outputs = (
        predict_dataset(jax.jit(forward), state.eval_state(), dataset, train.batch)
        for dataset in (halves[0], test)
    )
    attention = (outputs.unit_attention.mean(0), outputs.expression_attention.mean(0))
    units = (test_outputs.feature_logits + test_outputs.unit_logits) / 2
    return Gatv2Run(attention_graph(task, *attention), units, test_outputs.expression_logits, seconds)
