"""The networks: features of action units, and the graphs over them, among units and on to expressions."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import Dense
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.causal_affect import edges as edge
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, GraphConfig
from jaxface.frameworks.causal_affect.encoder import Encoder, UnitFeatures, UnitHead
from jaxface.frameworks.causal_affect.interventions import intervene
from jaxface.frameworks.common.framework import Task


class GraphOutputs(NamedTuple):
    """What a batch becomes on the graphs of one kind: K levels, that of all faces before the faces' own.

    Attributes:
        edges: (B, K, T, S); those of the graph of all faces are the same for every face.
        messages: (B, K, T, w), Z.
        logits: (B, K, T).
    """

    edges: Array
    messages: Array
    logits: Array


class Outputs(NamedTuple):
    """What the networks make of a batch.

    Attributes:
        embedding: (B, D), z_img.
        features: (B, U, d), F_AU.
        feature_logits: (B, U), of each unit's own features.
        units, expressions: what the features become on the two kinds of graphs; None where there is none.
        embedding_logits: (B, C), expressions by the embedding; None where a graph tells them.
    """

    embedding: Array
    features: Array
    feature_logits: Array
    units: GraphOutputs | None
    expressions: GraphOutputs | None
    embedding_logits: Array | None


class MessagePassing(nnx.Module):
    """W+, W-, the classifier Phi of what arrives, and the thresholds of the interventions, of K levels each.

    Attributes:
        values: (K, 2, d, w), W+ and W-.
        hidden, hidden_bias, last, bias: of Phi: the same two layers for every target, and a bias of each.
        threshold: (K, T), sigma^-1(theta).
    """

    def __init__(
        self, levels: int, targets: int, width: int, config: CausalAffectConfig, *, rngs: nnx.Rngs
    ) -> None:
        inner = config.graph.width
        of_pairs, of_levels = (nnx.initializers.lecun_normal(batch_axis=axes) for axes in ((0, 1), 0))
        self.values = nnx.Param(of_pairs(rngs.params(), (levels, 2, width, inner)))
        self.hidden = nnx.Param(of_levels(rngs.params(), (levels, inner, inner)))
        self.hidden_bias = nnx.Param(jnp.zeros((levels, inner)))
        self.last = nnx.Param(of_levels(rngs.params(), (levels, inner, 1)))
        self.bias = nnx.Param(jnp.zeros((levels, targets)))
        at = config.counterfactual.threshold
        self.threshold = nnx.Param(jnp.full((levels, targets), jnp.log(at / (1.0 - at)), jnp.float32))

    def aggregate(self, edges: Array, features: Array) -> Array:
        """Z (B, K, T, w) of edges (B, K, T, S) and features (B, S, d)."""
        of_levels = jax.vmap(edge.aggregate, (0, None, 0))
        return jax.vmap(of_levels, (0, 0, None))(edges, features, self.values[...])

    def classify(self, messages: Array) -> Array:
        """Phi: (..., K, T, w) -> (..., K, T)."""
        hidden = jnp.einsum("...ktw,kwv->...ktv", messages, self.hidden[...])
        hidden = jax.nn.relu(hidden + _under(hidden, self.hidden_bias[...][:, None]))
        logits = jnp.einsum("...ktv,kv->...kt", hidden, self.last[...][..., 0])
        return logits + _under(logits, self.bias[...])

    def __call__(self, edges: Array, features: Array) -> GraphOutputs:
        """What the features (B, S, d) become on graphs with edges (B, K, T, S)."""
        messages = self.aggregate(edges, features)
        return GraphOutputs(edges, messages, self.classify(messages))

    def perturbed(self, edges: Array, features: Array, noise: Array, sharpness: float) -> tuple[Array, Array]:
        """Eqs. 11 and 12: messages (B, 2, K, T, w) and logits (B, 2, K, T), as `interventions.intervene`.

        Args:
            edges: (B, K, T, S).
            noise: (T, S, d), the same for all faces and levels.
        """
        thresholds = jax.nn.sigmoid(self.threshold[...])

        def one(edges: Array, features: Array) -> Array:
            masks = jax.vmap(edge.importance, (0, 0, None))(edges, thresholds, sharpness)
            return jax.vmap(intervene, (0, 0, None, None, 0), 1)(
                edges, masks, features, noise, self.values[...]
            )

        messages = jax.vmap(one)(edges, features)
        return messages, self.classify(messages)


class GlobalGraph(nnx.Module):
    """Edges that are the same for all faces (Eq. 3).

    Attributes:
        edge_logits: (T, S), E_logit.
        temperature: (), T_g.
    """

    def __init__(self, targets: int, sources: int, config: GraphConfig, loops: bool, *, rngs: nnx.Rngs) -> None:
        start = nnx.initializers.normal(config.start)
        self.edge_logits = nnx.Param(start(rngs.params(), (targets, sources)))
        self.temperature = nnx.Param(jnp.log(jnp.full((), config.temperature, jnp.float32)))
        self.loops = loops

    def __call__(self) -> Array:
        """(T, S) in (-1, 1)."""
        edges = jnp.tanh(jnp.exp(self.temperature[...]) * self.edge_logits[...])
        return edges if self.loops else edge.without_loops(edges)


class SampleGraph(nnx.Module):
    """HPGAT: signed attention of targets to action units, a graph for each face (Eqs. 7-9).

    The vector a and the values' projections are one for all layers, as the equations write them.

    Attributes:
        prototypes: (T, d), the first queries where targets are expressions; None where they are the units.
        gate: G, two layers; none where there is no graph of all faces.
    """

    def __init__(
        self,
        targets: int,
        sources: int,
        width: int,
        config: GraphConfig,
        own: bool,
        gated: bool,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        inner = config.width
        inputs = (width, *(inner,) * (config.layers - 1))
        self.queries = nnx.List([Dense(size, inner, bias=False, rngs=rngs) for size in inputs])
        self.keys = nnx.List([Dense(width, inner, bias=False, rngs=rngs) for _ in inputs])
        start = nnx.initializers.normal(config.start * inner**-0.5)
        self.attention = nnx.Param(start(rngs.params(), (inner,)))
        draw = nnx.initializers.normal(1.0)  # as large as features, which are normalised
        self.prototypes = None if own else nnx.Param(draw(rngs.params(), (targets, width)))
        pairs = targets * sources
        layers = [Dense(pairs, inner, rngs=rngs), Dense(inner, 1, rngs=rngs)] if gated else []
        self.gate = nnx.List(layers)
        self.loops = config.self_loops or not own

    def __call__(self, features: Array, values: Array, everyone: Array | None) -> Array:
        """The faces' own edges (B, T, S) from features (B, S, d).

        Args:
            values: (2, d, w), W+ and W-, which are passed on between layers.
            everyone: (T, S), the graph of all faces.
        """
        if self.prototypes is None:
            nodes = features
        else:
            nodes = jnp.broadcast_to(
                self.prototypes[...][None], (features.shape[0], *self.prototypes[...].shape)
            )
        edges = jnp.zeros(())
        for number, (query, key) in enumerate(zip(self.queries, self.keys, strict=True)):
            if number:
                nodes = jax.vmap(edge.aggregate, (0, 0, None))(edges, features, values)
            asked = query(nodes)[:, :, None] + key(features)[:, None]
            edges = jnp.tanh(jnp.einsum("btsw,w->bts", jax.nn.leaky_relu(asked), self.attention[...]))
            edges = edges if self.loops else edge.without_loops(edges)
        if everyone is None:
            return edges
        hidden, last = self.gate
        share = jax.nn.sigmoid(last(jax.nn.leaky_relu(hidden(edges.reshape(edges.shape[0], -1)))))[:, :, None]
        return share * everyone[None] + (1.0 - share) * edges


class GraphBranch(nnx.Module):
    """The graphs from action units to one kind of targets.

    Attributes:
        everyone, own: the graph of all faces and that of each; None where the variant has none.
        readers: of the levels that there are.
        among_units: whether targets are the action units themselves; else expressions.
    """

    def __init__(
        self, targets: int, sources: int, config: CausalAffectConfig, same: bool, *, rngs: nnx.Rngs
    ) -> None:
        parts, graph, self.among_units = config.parts, config.graph, same
        loops = graph.self_loops or not same
        self.everyone = GlobalGraph(targets, sources, graph, loops, rngs=rngs) if parts.global_graph else None
        gated = parts.global_graph
        own = SampleGraph(targets, sources, config.width, graph, same, gated, rngs=rngs)
        self.own = own if parts.sample_graph else None
        count = parts.global_graph + parts.sample_graph
        self.readers = MessagePassing(count, targets, config.width, config, rngs=rngs)

    def __call__(self, features: Array) -> GraphOutputs:
        """The levels that there are, for features (B, S, d)."""
        everyone = None if self.everyone is None else self.everyone()
        edges = []
        if everyone is not None:
            edges.append(jnp.broadcast_to(everyone[None], (features.shape[0], *everyone.shape)))
        if self.own is not None:
            edges.append(self.own(features, self.readers.values[...][-1], everyone))
        return self.readers(jnp.stack(edges, 1), features)


class CausalAffect(nnx.Module):
    """CausalAffect, or one of its ablations.

    Attributes:
        units, expressions: the two kinds of graphs; None without graphs, and without expressions to learn.
        classes: expressions by the embedding, where there is no graph to tell them.
    """

    def __init__(self, config: CausalAffectConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        units, classes = len(task.units), len(task.labels)
        if units < 2 or classes == 1:
            raise ConfigError(
                f"causal_affect wants two action units or more, and two expressions or none; got {units} and "
                f"{classes}. Name a data set with the column 'units' among data.sets"
            )
        self.encoder = Encoder(config, task.size, rngs=rngs)
        self.features = UnitFeatures(units, self.encoder.width, config.width, rngs=rngs)
        self.unit_head = UnitHead(units, config.width, rngs=rngs)
        graphs = config.parts.global_graph or config.parts.sample_graph
        self.units = GraphBranch(units, units, config, True, rngs=rngs) if graphs else None
        self.expressions = GraphBranch(classes, units, config, False, rngs=rngs) if graphs and classes else None
        plain = classes and not graphs
        self.classes = Dense(self.encoder.width, classes, rngs=rngs) if plain else None

    def __call__(self, images: Array) -> Outputs:
        """Of prepared faces (B, H, W, 3)."""
        embedding = self.encoder(images)
        features = self.features(embedding)
        return Outputs(
            embedding,
            features,
            self.unit_head(features),
            None if self.units is None else self.units(features),
            None if self.expressions is None else self.expressions(features),
            None if self.classes is None else self.classes(embedding),
        )


def unit_answers(seen: Outputs, config: CausalAffectConfig) -> Array:
    """Logits of the action units, (B, U)."""
    own = seen.feature_logits[:, None]
    return _answer(own if seen.units is None else jnp.concatenate([own, seen.units.logits], 1), config)


def expression_answers(seen: Outputs, config: CausalAffectConfig) -> Array:
    """Logits of the expressions, (B, C); (B, 0) where none are learnt."""
    if seen.embedding_logits is not None:
        return seen.embedding_logits
    if seen.expressions is None:
        return jnp.zeros((seen.embedding.shape[0], 0), seen.embedding.dtype)
    return _answer(seen.expressions.logits, config)


def _answer(logits: Array, config: CausalAffectConfig) -> Array:
    """Of the heads' logits (B, H, T)."""
    return logits[:, -1] if config.answer == "last" else logits.mean(1)


def _under(values: Array, bias: Array) -> Array:
    """A bias of the last axes of `values`, with as many axes."""
    return bias.reshape(*(1,) * (values.ndim - bias.ndim), *bias.shape)
