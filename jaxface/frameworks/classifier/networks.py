"""The network of a plain classifier in training, and the attention of its loss."""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify import Card, read_card
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.card import Preprocessing
from jaxface.classify.nets.emonext import EmoNext
from jaxface.classify.nets.layers import Dense, LayerNorm
from jaxface.classify.registry import folders, names
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.classifier.config import ClassifierConfig
from jaxface.frameworks.common.config import Task


class Student(nnx.Module):
    """What is trained: the classifier's `net`, and `attention` between examples for the loss."""

    def __init__(self, config: ClassifierConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        if not task.labels:
            raise ConfigError("a classifier needs data with the column 'label'; these have none")
        self.net = ARCHITECTURES[config.architecture].net(len(task.labels), rngs=rngs)
        if isinstance(self.net, EmoNext):
            start_with_identity(self.net)
        width = embedding_width(self.net, card_of(config, task)) if config.attention_variance else 0
        self.attention = BatchAttention(width, rngs=rngs) if width else None


class BatchAttention(nnx.Module):
    """Attention weights between the embeddings of a batch, the batch being the sequence: (B, C) -> (B, B).

    As in EmoNeXt's checkpoints, without the values, which feed nothing there.
    """

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.norm = LayerNorm(width)
        self.query = Dense(width, width, rngs=rngs)
        self.key = Dense(width, width, rngs=rngs)

    def __call__(self, embeddings: Array) -> Array:
        normal = self.norm(embeddings)
        scores = self.query(normal) @ self.key(normal).T
        return jax.nn.softmax(scores.astype(jnp.float32) * embeddings.shape[-1] ** -0.25, axis=-1)


def card_of(config: ClassifierConfig, task: Task) -> Card:
    """Return the card of what is trained: the architecture's own preprocessing, the labels of the data."""
    entry = ARCHITECTURES[config.architecture]
    preprocessing = entry.preprocessing or Preprocessing()
    if entry.preprocessing is None and config.architecture in names():
        preprocessing = read_card(folders(config.architecture)[0]).preprocessing
    if config.size is not None:
        preprocessing = dataclasses.replace(preprocessing, size=config.size, resize_to=None)
    card = Card(
        name=config.architecture,
        architecture=config.architecture,
        native_labels=task.labels,
        source="trained with jaxface",
        weights="",
    )
    return card.with_preprocessing(preprocessing)


def start_with_identity(net: EmoNext) -> None:
    """Initialize the spatial transformer with the identity (Jaderberg et al. 2015, arXiv:1506.02025, 3.3)."""
    affine = net.transformer.affine
    affine.kernel[...] = jnp.zeros_like(affine.kernel[...])
    if affine.bias is not None:
        affine.bias[...] = jnp.array([1.0, 0, 0, 0, 1, 0])


def embedding_width(net: nnx.Module, card: Card) -> int:
    """Return the channels of the map `embedding` of a net; raise ConfigError where it has none."""
    images = jax.ShapeDtypeStruct((1, card.size or 64, card.size or 64, card.depth), jnp.float32)
    graphdef, state = nnx.split(net)
    _, maps = jax.eval_shape(lambda state, images: nnx.merge(graphdef, state)(images), state, images)
    if "embedding" not in maps:
        raise ConfigError(f"{card.architecture} has no embedding for attention_variance to use; set it to 0")
    return maps["embedding"].shape[-1]
