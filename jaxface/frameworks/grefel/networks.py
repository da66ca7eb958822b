"""The network in training: an extractor, a head, and the anchors or importance weights of the method."""

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.attention import attend
from jaxface.classify.nets.layers import BatchNorm, Dense, Dropout
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.common.images import imagenet_normalize
from jaxface.frameworks.grefel import anchor_correction
from jaxface.frameworks.grefel.anchor_correction import Correction
from jaxface.frameworks.grefel.config import POSTER_V2, BalanceConfig, GrefelConfig
from jaxface.frameworks.grefel.extractor import POSTER, Extractor, Shape, small_shape


class Count(nnx.Variable):
    """A count or label that training stores; no parameter."""


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
    """K anchors of each class among the embeddings, and the corrections of predictions by them."""

    def __init__(self, config: BalanceConfig, classes: int, width: int, *, rngs: nnx.Rngs) -> None:
        initializer = nnx.initializers.normal(config.anchor_start)
        self.anchors = nnx.Param(initializer(rngs.params(), (classes, config.anchors, width)))
        attention: AnchorAttention | BatchAttention | None = None
        if config.attention == "anchors":
            attention = AnchorAttention(width, config.attention_width, rngs=rngs)
        elif config.attention == "batch":
            attention = BatchAttention(width, classes, config.anchors, rngs=rngs)
        self.attention, self.config = attention, config

    def __call__(self, logits: Array, embeddings: Array, *, attentive: bool = True) -> Correction:
        """Correct logits (B, C) by embeddings (B, D): the result's fields are (B, ...) float32."""
        config, anchors = self.config, self.anchors[...]
        attention = self.attention(embeddings, anchors) if self.attention and attentive else None
        logits, embeddings, anchors = (part.astype(jnp.float32) for part in (logits, embeddings, anchors))

        def correct(logits: Array, embedding: Array, attention: Array | None) -> Correction:
            primary = jax.nn.log_softmax(logits / config.temperature)
            distance = anchor_correction.distances(embedding, anchors)
            return anchor_correction.correct(
                primary, distance, attention, config.distance_scale, config.weights
            )

        attention = None if attention is None else attention.astype(jnp.float32)
        return jax.vmap(correct)(logits, embeddings, attention)


class Grefel(nnx.Module):
    """GReFEL or one of its baselines.

    Attributes:
        anchors: of `grefel` alone.
        importance: of `scn` alone: embeddings -> one logit, the importance of an example.
        class_counts: (C,) how often each class was trained on, 1 at first.
        cured_labels: (N,) the present label of each example, -1 = as in the data; of `scn` where
            the data number their examples (column `index`).
    """

    def __init__(self, config: GrefelConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        if len(task.labels) < 2:
            raise ConfigError("grefel needs data with the column 'label' and two classes or more")
        shape, classes = shape_of(config, task), len(task.labels)
        self.extractor = Extractor(shape, rngs=rngs)
        widths = config.head if config.method in ("grefel", "cross-entropy") else ()
        self.head = Head(shape.width, widths, classes, config.dropout, rngs=rngs)
        is_grefel, is_scn = config.method == "grefel", config.method == "scn"
        self.anchors = Anchors(config.balance, classes, shape.width, rngs=rngs) if is_grefel else None
        self.importance = Dense(shape.width, 1, rngs=rngs) if is_scn else None
        examples = dict(task.extras).get("index", 0) if is_scn else 0
        self.cured_labels = Count(jnp.full(examples, -1, jnp.int32)) if examples else None
        self.class_counts = Count(jnp.ones(classes))

    def __call__(self, images: Array) -> tuple[Array, Array]:
        """Return logits (B, C), not corrected, and embeddings (B, D) of preprocessed faces."""
        embeddings, _ = self.extractor(images)
        logits = self.head(embeddings)
        if self.importance is not None:
            logits = logits * self.importance_weights(embeddings)[:, None]
        return logits, embeddings

    def importance_weights(self, embeddings: Array) -> Array:
        """Return SCN's importance weights, (B,) in (0, 1)."""
        if self.importance is None:
            return jnp.ones(embeddings.shape[:1], embeddings.dtype)
        return jax.nn.sigmoid(self.importance(embeddings)[:, 0])


def shape_of(config: GrefelConfig, task: Task) -> Shape:
    """Return the sizes of the extractor for these faces."""
    return POSTER if config.extractor == POSTER_V2 else small_shape(config.small, task.size)


def preprocess(images: Array, shape: Shape) -> Array:
    """Resize and normalize colour faces (B, H, W, 3) in [0, 1] for the backbones, to `inside` pixels.

    POSTER++ resizes all to 224 pixels and takes every second one; faces of 112 pixels are not resized.
    """
    batch, size, inside = images.shape[0], images.shape[1], shape.inside
    if size != inside:
        edge = inside if shape.small else 2 * inside
        images = jax.image.resize(images, (batch, edge, edge, 3), "linear")
        images = images[:, :: edge // inside, :: edge // inside]
    return imagenet_normalize(images)
