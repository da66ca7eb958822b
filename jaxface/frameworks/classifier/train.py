"""The training step of a plain classifier, and its entry in the registry of frameworks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify import Card, write_card
from jaxface.classify.preprocess import prepare
from jaxface.classify.weights import flat_arrays, write_safetensors
from jaxface.core.io import sha256
from jaxface.core.types import Array
from jaxface.data import augment
from jaxface.frameworks.classifier.config import ClassifierConfig
from jaxface.frameworks.classifier.losses import attention_variance, cross_entropy
from jaxface.frameworks.classifier.networks import Student, card_of
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Batch, Fixture, Framework, Info, Step, Task
from jaxface.frameworks.common.images import colour, for_network, unit_range
from jaxface.frameworks.common.init_weights import load_initial_weights
from jaxface.frameworks.common.step import supervised_step


def seen_size(config: ClassifierConfig) -> int | None:
    """Pixels along an edge of the images that augmentation is given: before the middle is cut out."""
    card = card_of(config, Task(labels=("neutral",)))
    return card.resize_to or card.size


def build(config: ClassifierConfig, task: Task, rngs: nnx.Rngs) -> Student:
    """The network, and the attention of its loss."""
    return Student(config, task, rngs=rngs)


def start(config: ClassifierConfig, task: Task, state: nnx.State) -> nnx.State:
    """The state with the weights of `config.start` in the net."""
    if config.start is None:
        return state
    net = nnx.eval_shape(lambda: Student(config, task, rngs=nnx.Rngs(0)).net)
    own = [(path, leaf) for path, leaf in nnx.to_flat_state(state) if path[0] == "net"]
    others = [(path, leaf) for path, leaf in nnx.to_flat_state(state) if path[0] != "net"]
    part = nnx.from_flat_state([(path[1:], leaf) for path, leaf in own])
    begun = load_initial_weights(net, part, config.architecture, config.start)
    whole = [(("net", *path), leaf) for path, leaf in nnx.to_flat_state(begun)]
    return nnx.from_flat_state(sorted([*whole, *others], key=lambda entry: tuple(map(str, entry[0]))))


def make_step(config: ClassifierConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """Cross-entropy of the column `label`, with what the config adds."""
    card = card_of(config, task)

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        student = cast(Student, module)
        pictures = augment(key, unit_range(batch["image"]), config.augment)
        images = prepare(colour(pictures), card)
        logits, maps = student.net(for_network(images, student.net))
        value = cross_entropy(logits, batch["label"], config.label_smoothing)
        info = {"accuracy": (logits.argmax(-1) == batch["label"]).mean()}
        if student.attention is not None:
            info["cross_entropy"] = value
            info["attention_variance"] = attention_variance(student.attention(maps["embedding"]))
            value = value + config.attention_variance * info["attention_variance"]
        return value, info

    return supervised_step(graphdef, loss, train)


def predict(config: ClassifierConfig, task: Task, module: nnx.Module, images: Array) -> Array:
    """Logits (B, K) of images (B, H, W, 3 or 1) in [0, 1]."""
    student = cast(Student, module)
    prepared = prepare(colour(images), card_of(config, task))
    return student.net(for_network(prepared, student.net))[0].astype(jnp.float32)


def fixture(key: Array) -> Fixture:
    """Sixteen noisy pictures of three colours, for the smallest of the nets."""
    labels = jnp.arange(16) % 3
    noise = jax.random.uniform(key, (16, 64, 64, 3), maxval=0.5)
    images = noise + 0.5 * jax.nn.one_hot(labels, 3)[:, None, None, :]
    return Fixture(
        ClassifierConfig(),
        TrainConfig(steps=8, batch=16, optimiser=OptimizerConfig(learning_rate=3e-3, schedule="constant")),
        Task(labels=("happiness", "sadness", "surprise"), size=64, channels=3),
        {"image": (255 * images).astype(jnp.uint8), "label": labels},
    )


def export(config: ClassifierConfig, task: Task, state: nnx.State, card: Card, folder: Path) -> None:
    """Write the net alone, as the classifiers' other weights lie: the card then names its architecture."""
    path = folder / "weights.safetensors"
    arrays = flat_arrays(state["net"])
    write_safetensors(path, arrays)
    sees = card_of(config, task)
    known: dict[str, Any] = {
        "name": card.name,
        "dataset": card.dataset,
        "licence": card.licence,
        "source": card.source,
    }
    parameters = sum(array.size for array in arrays.values())
    own: dict[str, Any] = {"weights": path.name, "sha256": sha256(path), "parameters": parameters}
    write_card(dataclasses.replace(sees, **known, **own), folder)


FRAMEWORK = Framework(
    name="classifier",
    config=ClassifierConfig,
    build=build,
    make_step=make_step,
    predict=predict,
    fixture=fixture,
    size=seen_size,
    start=start,
    export=export,
)
