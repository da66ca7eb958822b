"""The plain classifier's framework: its training step, prediction and export."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from jaxface.classify import Card
from jaxface.classify.model_card import write_cards
from jaxface.classify.preprocess import prepare
from jaxface.classify.weights import flat_arrays, write_safetensors
from jaxface.core.io import sha256
from jaxface.core.types import Array
from jaxface.data import augment
from jaxface.frameworks.classifier.config import TABLES, ClassifierConfig
from jaxface.frameworks.classifier.networks import Student, card_of
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step
from jaxface.frameworks.common.images import cast_like, to_rgb, unit_range
from jaxface.frameworks.common.init_weights import load_initial_weights
from jaxface.frameworks.common.step import supervised_step


class ClassifierFramework(Framework):
    """Any registered architecture with cross-entropy, and what the config adds to it."""

    name = "classifier"
    config, defaults, data = TABLES
    network = Student

    def image_size(self, config: ClassifierConfig) -> int | None:
        """Return the size that augmentation takes: before the middle is cut out."""
        card = card_of(config, Task(labels=("neutral",)))
        return card.resize_to or card.size

    def initialize(self, config: ClassifierConfig, task: Task, state: nnx.State) -> nnx.State:
        if config.start is None:
            return state
        net = nnx.eval_shape(lambda: Student(config, task, rngs=nnx.Rngs(0)).net)
        return load_initial_weights(state, ("net",), net, config.architecture, config.start)

    def make_step(
        self, config: ClassifierConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef
    ) -> Step:
        card = card_of(config, task)

        def loss(student: Student, batch: Batch, key: Array, step_fraction: Array) -> tuple[Array, Info]:
            images = augment(key, unit_range(batch["image"]), config.augment)
            images = prepare(to_rgb(images), card)
            logits, maps = student.net(cast_like(images, student.net))
            value = cross_entropy(logits, batch["label"], config.label_smoothing)
            info = {"accuracy": (logits.argmax(-1) == batch["label"]).mean()}
            if student.attention is not None:
                info["cross_entropy"] = value
                info["attention_variance"] = attention_variance(student.attention(maps["embedding"]))
                value = value + config.attention_variance * info["attention_variance"]
            return value, info

        return supervised_step(graphdef, loss, train)

    def predict(self, config: ClassifierConfig, task: Task, module: Student, images: Array) -> Array:
        inputs = prepare(to_rgb(images), card_of(config, task))
        return module.net(cast_like(inputs, module.net))[0].astype(jnp.float32)

    def export(
        self,
        config: ClassifierConfig,
        task: Task,
        graphdef: nnx.GraphDef,
        state: nnx.State,
        card: Card,
        folder: Path,
    ) -> None:
        """Write the net alone, in the format of the other classifiers: the card then names its architecture."""
        path = folder / "weights.safetensors"
        arrays = flat_arrays(state["net"])
        write_safetensors(path, arrays)
        full_card = dataclasses.replace(
            card_of(config, task),
            name=card.name,
            dataset=card.dataset,
            licence=card.licence,
            source=card.source,
            weights=path.name,
            sha256=sha256(path),
            parameters=sum(array.size for array in arrays.values()),
        )
        write_cards(full_card, folder)


def cross_entropy(logits: Array, labels: Array, smoothing: float = 0.0) -> Array:
    """Return the mean cross-entropy of logits (B, K) and labels (B,), () float32.

    `smoothing` is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567).
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits.astype(jnp.float32), targets).mean()


def attention_variance(weights: Array) -> Array:
    """Return the variance of attention weights (B, B) between the examples of a batch, () float32.

    EmoNeXt's self-attention regularization (El Boudouri and Bohi 2023, arXiv:2501.08199), with one
    mean over all weights, as in the authors' training.
    """
    return ((weights - weights.mean()) ** 2).mean()


FRAMEWORK = ClassifierFramework()
