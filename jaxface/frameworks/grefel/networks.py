"""What is trained: the extractor, a head, and the anchors or the importance weights that go with it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.attention import attend
from jaxface.classify.nets.layers import BatchNorm, Dense, Dropout
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.common.framework import Task
from jaxface.frameworks.grefel import anchor_correction
from jaxface.frameworks.grefel.anchor_correction import Balanced
from jaxface.frameworks.grefel.config import BalanceConfig, GrefelConfig
from jaxface.frameworks.grefel.extractor import POSTER, Extractor, Shape, small_shape

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours


class Count(nnx.Variable):
    """A number that training counts or remembers; no parameter."""


class Head(nnx.Module):
    """Embeddings (B, D) -> logits (B, C): dense, ReLU, BatchNorm, Dropout for each width, and a dense layer."""

    def __init__(
        self, inputs: int, widths: tuple[int, ...], classes: int, dropout: float, *, rngs: nnx.Rngs
    ) -> None:
        edges = (inputs, *widths)
        self.dense = nnx.List([Dense(a, b, rngs=rngs) for a, b in zip(edges, widths, strict=False)])
        self.norms = nnx.List([BatchNorm(width) for width in widths])
        self.drops = nnx.List([Dropout(dropout) for _ in widths])
        self.last = Dense(edges[-1], classes, rngs=rngs)

    def __call__(self, features: Array) -> Array:
        for dense, norm, drop in zip(self.dense, self.norms, self.drops, strict=True):
            features = drop(norm(jax.nn.relu(dense(features))))
        return self.last(features)


class AnchorAttention(nnx.Module):
    """Each embedding attends to the anchors, whose values are their classes: (B, C) logarithms.

    jaxface's own form. With one token a sample, attention as published would be the identity.
    """

    def __init__(self, width: int, inner: int, *, rngs: nnx.Rngs) -> None:
        self.query = Dense(width, inner, rngs=rngs)
        self.key = Dense(width, inner, rngs=rngs)

    def __call__(self, embeddings: Array, anchors: Array) -> Array:
        keys = self.key(anchors)
        scores = jnp.einsum("bi,cki->bck", self.query(embeddings), keys) * keys.shape[-1] ** -0.5
        return jax.vmap(anchor_correction.by_class)(scores)


class BatchAttention(nnx.Module):
    """The published form: three projections to C K numbers, and one head of attention between the examples."""

    def __init__(self, width: int, classes: int, count: int, *, rngs: nnx.Rngs) -> None:
        inner = classes * count
        self.projections = nnx.List([Dense(width, inner, rngs=rngs) for _ in range(3)])
        self.inputs = nnx.List([Dense(inner, inner, rngs=rngs) for _ in range(3)])
        self.output = Dense(inner, inner, rngs=rngs)

    def __call__(self, embeddings: Array, anchors: Array) -> Array:
        pairs = zip(self.projections, self.inputs, strict=True)
        query, key, value = (inside(projection(embeddings)) for projection, inside in pairs)
        scores = self.output(attend(query, key, value, heads=1))
        return jax.vmap(anchor_correction.by_class)(scores.reshape(-1, *anchors.shape[:2]))


class Anchors(nnx.Module):
    """K anchors of each class among the embeddings, and what they make of an answer."""

    def __init__(self, config: BalanceConfig, classes: int, width: int, *, rngs: nnx.Rngs) -> None:
        start = nnx.initializers.normal(config.anchor_start)
        self.anchors = nnx.Param(start(rngs.params(), (classes, config.anchors, width)))
        self.attention = attention_of(config, classes, width, rngs=rngs)
        self.config = config

    def __call__(self, logits: Array, embeddings: Array, *, attentive: bool = True) -> Balanced:
        """Corrections of logits (B, C) by embeddings (B, D): every field with a leading B, float32.

        Args:
            attentive: False leaves the attentive part out.
        """
        config, anchors = self.config, self.anchors[...]
        attended = self.attention(embeddings, anchors) if self.attention and attentive else None
        logits, embeddings, anchors = (part.astype(jnp.float32) for part in (logits, embeddings, anchors))

        def one(logits: Array, embedding: Array, attended: Array | None) -> Balanced:
            primary = jax.nn.log_softmax(logits / config.temperature)
            distance = anchor_correction.distances(embedding, anchors)
            return anchor_correction.balance(primary, distance, attended, config.distance_scale, config.weights)

        attended = None if attended is None else attended.astype(jnp.float32)
        return jax.vmap(one)(logits, embeddings, attended)


def attention_of(
    config: BalanceConfig, classes: int, width: int, *, rngs: nnx.Rngs
) -> AnchorAttention | BatchAttention | None:
    """What gives the attentive correction."""
    if config.attention == "anchors":
        return AnchorAttention(width, config.attention_width, rngs=rngs)
    if config.attention == "batch":
        return BatchAttention(width, classes, config.anchors, rngs=rngs)
    return None


class Grefel(nnx.Module):
    """GReFEL or one of its baselines.

    Attributes:
        extractor: faces -> embeddings.
        head: embeddings -> logits.
        anchors: of `grefel` alone.
        importance: of `scn` alone: embeddings -> one logit, how far an example is to be trusted.
        seen: (C,) how often each class was trained on, begun at 1.
        cured: (N,) the present label of each example, -1 = as given; of `scn` where the data number their
            examples (column `index`).
    """

    def __init__(self, config: GrefelConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        if len(task.labels) < 2:
            raise ConfigError("grefel wants data with the column 'label' and two classes or more")
        shape, classes = shape_of(config, task), len(task.labels)
        self.extractor = Extractor(shape, rngs=rngs)
        widths = config.head if config.method in ("grefel", "cross-entropy") else ()
        self.head = Head(shape.width, widths, classes, config.dropout, rngs=rngs)
        balanced, curing = config.method == "grefel", config.method == "scn"
        self.anchors = Anchors(config.balance, classes, shape.width, rngs=rngs) if balanced else None
        self.importance = Dense(shape.width, 1, rngs=rngs) if curing else None
        examples = dict(task.extras).get("index", 0) if curing else 0
        self.cured = Count(jnp.full(examples, -1, jnp.int32)) if examples else None
        self.seen = Count(jnp.ones(classes))

    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Prepared faces -> logits (B, C), not corrected, and embeddings (B, D)."""
        embeddings, _ = self.extractor(images)
        logits = self.head(embeddings)
        if self.importance is not None:
            logits = logits * self.trust(embeddings)[:, None]
        return logits, embeddings

    def trust(self, embeddings: Array) -> Array:
        """SCN's importance weights, (B,) in (0, 1)."""
        if self.importance is None:
            return jnp.ones(embeddings.shape[:1], embeddings.dtype)
        return jax.nn.sigmoid(self.importance(embeddings)[:, 0])


def shape_of(config: GrefelConfig, task: Task) -> Shape:
    """How large the extractor is for these faces."""
    return POSTER if config.extractor == "poster-v2" else small_shape(config.small, task.size)


def prepared(images: Array, shape: Shape) -> Array:
    """Colour faces (B, H, W, 3) in [0, 1] as the backbones see them: ImageNet's statistics, `inside` pixels.

    POSTER++ brings all to 224 pixels and takes every second one; faces of 112 pixels are left as they are.
    """
    batch, size, inside = images.shape[0], images.shape[1], shape.inside
    if size != inside:
        whole = inside if shape.small else 2 * inside
        images = jax.image.resize(images, (batch, whole, whole, 3), "linear")
        images = images[:, :: whole // inside, :: whole // inside]
    mean, deviation = (jnp.array(numbers).reshape(1, 1, 1, 3) for numbers in (_MEAN, _DEVIATION))
    return (images - mean) / deviation
