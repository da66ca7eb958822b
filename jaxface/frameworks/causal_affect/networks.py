"""The networks: features of action units, and the graphs over them, among units and on to expressions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import Dense
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, GraphConfig
from jaxface.frameworks.causal_affect.edges import aggregate, importance, intervene, without_loops
from jaxface.frameworks.causal_affect.encoder import Encoder, UnitFeatures, UnitHead
from jaxface.frameworks.common.config import Task


class GraphOutputs(NamedTuple):
    """The outputs of the graphs of one kind: K levels, the global graph before the samples' own."""

    edges: Array  # (B, K, T, S); those of the global graph are the same for every sample
    messages: Array  # (B, K, T, w), Z
    logits: Array  # (B, K, T)


class Outputs(NamedTuple):
    """The outputs of the networks for a batch; None where there is no graph of a kind."""

    embedding: Array  # (B, D), z_img
    features: Array  # (B, U, d), F_AU
    feature_logits: Array  # (B, U), of each unit's own features
    units: GraphOutputs | None
    expressions: GraphOutputs | None
    embedding_logits: Array | None  # (B, C), of expressions where no graph predicts them


class MessagePassing(nnx.Module):
    """Of K levels each: `values` W+ and W-, the classifier Phi of messages with the same two layers
    for every target and a bias of each, and the interventions' `threshold`, sigma^-1(theta)."""

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
        theta = config.counterfactual.threshold
        self.threshold = nnx.Param(jnp.full((levels, targets), jnp.log(theta / (1.0 - theta)), jnp.float32))

    def aggregate(self, edges: Array, features: Array) -> Array:
        """Return messages Z (B, K, T, w) of edges (B, K, T, S) and features (B, S, d)."""
        of_levels = jax.vmap(aggregate, (0, None, 0))
        return jax.vmap(of_levels, (0, 0, None))(edges, features, self.values[...])

    def classify(self, messages: Array) -> Array:
        """Phi: return logits (..., K, T) of messages (..., K, T, w)."""
        inner = jnp.einsum("...ktw,kwv->...ktv", messages, self.hidden[...])
        inner = jax.nn.relu(inner + _expand_bias(inner, self.hidden_bias[...][:, None]))
        logits = jnp.einsum("...ktv,kv->...kt", inner, self.last[...][..., 0])
        return logits + _expand_bias(logits, self.bias[...])

    def __call__(self, edges: Array, features: Array) -> GraphOutputs:
        """Pass the features (B, S, d) along edges (B, K, T, S)."""
        messages = self.aggregate(edges, features)
        return GraphOutputs(edges, messages, self.classify(messages))

    def intervene_all(
        self, edges: Array, features: Array, noise: Array, sharpness: float
    ) -> tuple[Array, Array]:
        """Eqs. 11 and 12: return messages (B, 2, K, T, w) and logits (B, 2, K, T) under
        `edges.intervene`, along edges (B, K, T, S), with one noise (T, S, d) for all of them."""
        thresholds = jax.nn.sigmoid(self.threshold[...])

        def intervene_sample(edges: Array, features: Array) -> Array:
            masks = jax.vmap(importance, (0, 0, None))(edges, thresholds, sharpness)
            return jax.vmap(intervene, (0, 0, None, None, 0), 1)(
                edges, masks, features, noise, self.values[...]
            )

        messages = jax.vmap(intervene_sample)(edges, features)
        return messages, self.classify(messages)


class GlobalGraph(nnx.Module):
    """Edges that are the same for all samples (Eq. 3), of E_logit (T, S) and the temperature T_g."""

    def __init__(self, targets: int, sources: int, config: GraphConfig, loops: bool, *, rngs: nnx.Rngs) -> None:
        initializer = nnx.initializers.normal(config.start)
        self.edge_logits = nnx.Param(initializer(rngs.params(), (targets, sources)))
        self.temperature = nnx.Param(jnp.log(jnp.full((), config.temperature, jnp.float32)))
        self.loops = loops

    def __call__(self) -> Array:
        """Return the edges, (T, S) in (-1, 1)."""
        edges = jnp.tanh(jnp.exp(self.temperature[...]) * self.edge_logits[...])
        return edges if self.loops else without_loops(edges)


class SampleGraph(nnx.Module):
    """HPGAT: signed attention of targets to action units, a graph for each sample (Eqs. 7-9).

    All layers share the vector a and the values' projections, as the equations are written.
    `prototypes` (T, d) are the first queries where targets are expressions; `gate` is G, where
    there is a global graph.
    """

    def __init__(
        self,
        targets: int,
        sources: int,
        width: int,
        config: GraphConfig,
        same: bool,
        gate: bool,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        inner = config.width
        inputs = (width, *(inner,) * (config.layers - 1))
        self.queries = nnx.List([Dense(size, inner, bias=False, rngs=rngs) for size in inputs])
        self.keys = nnx.List([Dense(width, inner, bias=False, rngs=rngs) for _ in inputs])
        initializer = nnx.initializers.normal(config.start * inner**-0.5)
        self.attention = nnx.Param(initializer(rngs.params(), (inner,)))
        unit_normal = nnx.initializers.normal(1.0)  # as large as features, which are normalized
        self.prototypes = None if same else nnx.Param(unit_normal(rngs.params(), (targets, width)))
        pairs = targets * sources
        layers = [Dense(pairs, inner, rngs=rngs), Dense(inner, 1, rngs=rngs)] if gate else []
        self.gate = nnx.List(layers)
        self.loops = config.self_loops or not same

    def __call__(self, features: Array, values: Array, global_edges: Array | None) -> Array:
        """Return each sample's own edges (B, T, S) from features (B, S, d), values W+ and W- (2, d,
        w) of the messages between layers, and the global graph's edges (T, S)."""
        nodes = features
        if self.prototypes is not None:
            first_queries = self.prototypes[...]
            nodes = jnp.broadcast_to(first_queries[None], (features.shape[0], *first_queries.shape))
        edges = jnp.zeros(())
        for layer, (query, key) in enumerate(zip(self.queries, self.keys, strict=True)):
            if layer:
                nodes = jax.vmap(aggregate, (0, 0, None))(edges, features, values)
            pairs = query(nodes)[:, :, None] + key(features)[:, None]
            edges = jnp.tanh(jnp.einsum("btsw,w->bts", jax.nn.leaky_relu(pairs), self.attention[...]))
            edges = edges if self.loops else without_loops(edges)
        if global_edges is None:
            return edges
        first, last = self.gate
        share = jax.nn.sigmoid(last(jax.nn.leaky_relu(first(edges.reshape(edges.shape[0], -1)))))[:, :, None]
        return share * global_edges[None] + (1.0 - share) * edges


class GraphBranch(nnx.Module):
    """The graphs from action units to expressions, or `among_units`: the global graph and that of
    each sample, where the variant has them, and the `transform` along both."""

    def __init__(
        self, targets: int, sources: int, config: CausalAffectConfig, same: bool, *, rngs: nnx.Rngs
    ) -> None:
        parts, graph, self.among_units = config.parts, config.graph, same
        loops = graph.self_loops or not same
        has_global = parts.global_graph
        self.global_graph = GlobalGraph(targets, sources, graph, loops, rngs=rngs) if has_global else None
        sample_edges = SampleGraph(targets, sources, config.width, graph, same, has_global, rngs=rngs)
        self.sample_graph = sample_edges if parts.sample_graph else None
        count = has_global + parts.sample_graph
        self.transform = MessagePassing(count, targets, config.width, config, rngs=rngs)

    def __call__(self, features: Array) -> GraphOutputs:
        """Return the outputs of the levels that there are, for features (B, S, d)."""
        global_edges = None if self.global_graph is None else self.global_graph()
        edges = []
        if global_edges is not None:
            edges.append(jnp.broadcast_to(global_edges[None], (features.shape[0], *global_edges.shape)))
        if self.sample_graph is not None:
            edges.append(self.sample_graph(features, self.transform.values[...][-1], global_edges))
        return self.transform(jnp.stack(edges, 1), features)


class CausalAffect(nnx.Module):
    """CausalAffect, or one of its ablations: `units` and `expressions` are the two kinds of graphs,
    None where there are none; `classes` predicts expressions by the embedding, where no graph
    does."""

    def __init__(self, config: CausalAffectConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        units, classes = len(task.units), len(task.labels)
        if units < 2 or classes == 1:
            raise ConfigError(
                f"causal_affect needs two action units or more, and two expressions or none; got {units} and "
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
        """Return the outputs for normalized faces (B, H, W, 3)."""
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


def unit_logits(outputs: Outputs, config: CausalAffectConfig) -> Array:
    """Return logits of the action units, (B, U)."""
    heads = outputs.feature_logits[:, None]
    if outputs.units is not None:
        heads = jnp.concatenate([heads, outputs.units.logits], 1)
    return _combine_heads(heads, config)


def expression_logits(outputs: Outputs, config: CausalAffectConfig) -> Array:
    """Return logits of the expressions, (B, C); (B, 0) where none are learnt."""
    if outputs.embedding_logits is not None:
        return outputs.embedding_logits
    if outputs.expressions is None:
        return jnp.zeros((outputs.embedding.shape[0], 0), outputs.embedding.dtype)
    return _combine_heads(outputs.expressions.logits, config)


def _combine_heads(logits: Array, config: CausalAffectConfig) -> Array:
    """Return logits (B, T) of the heads' logits (B, H, T)."""
    return logits[:, -1] if config.answer == "last" else logits.mean(1)


def _expand_bias(values: Array, bias: Array) -> Array:
    """Reshape a bias of the last axes of `values` to as many axes."""
    return bias.reshape(*(1,) * (values.ndim - bias.ndim), *bias.shape)
