"""A framework that compiles in a second: a dense layer, dropout, batch statistics, and a part that is
frozen."""

import dataclasses
from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface import data
from jaxface.classify.nets.layers import BatchNorm, Dense, Dropout
from jaxface.frameworks.common.config import OptimizerConfig, Task, TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step
from jaxface.frameworks.common.images import unit_range
from jaxface.frameworks.common.step import supervised_step

LABELS = ("happiness", "sadness", "surprise")
SIZE = 8


@dataclass(frozen=True)
class ToyConfig:
    hidden: int = 8
    dropout: float = 0.1
    norm: bool = True


class Toy(nnx.Module):
    """(B, 8, 8, 3) -> (B, K)."""

    def __init__(self, config: ToyConfig, classes: int, *, rngs: nnx.Rngs) -> None:
        self.frozen = Dense(3 * SIZE * SIZE, config.hidden, rngs=rngs)
        self.frozen_norm = BatchNorm(config.hidden)
        self.middle = Dense(config.hidden, config.hidden, rngs=rngs)
        self.norm = BatchNorm(config.hidden) if config.norm else None
        self.dropout = Dropout(config.dropout)
        self.head = Dense(config.hidden, classes, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        features = self.frozen_norm(jnp.tanh(self.frozen(images.reshape(images.shape[0], -1))))
        features = self.middle(features)
        features = features if self.norm is None else self.norm(features)
        return self.head(self.dropout(jax.nn.relu(features)))


def is_trained(path: tuple[Any, ...], leaf: Any) -> bool:
    return isinstance(leaf, nnx.Param) and not str(path[0]).startswith("frozen")


class ToyFramework(Framework):
    name = "toy"
    config = ToyConfig

    def image_size(self, config: ToyConfig) -> int:
        return SIZE

    def build(self, config: ToyConfig, task: Task, rngs: nnx.Rngs) -> Toy:
        return Toy(config, len(task.labels), rngs=rngs)

    def make_step(self, config: ToyConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
        def loss(
            module: nnx.Module, batch: Batch, key: jax.Array, step_fraction: jax.Array
        ) -> tuple[jax.Array, Info]:
            logits = cast(Toy, module)(unit_range(batch["image"]).astype(train.dtype)).astype(jnp.float32)
            log_probability = jnp.take_along_axis(jax.nn.log_softmax(logits), batch["label"][:, None], axis=-1)
            return -log_probability.mean(), {"confidence": jax.nn.softmax(logits).max(-1).mean()}

        return supervised_step(graphdef, loss, train, trainable=is_trained)

    def predict(self, config: ToyConfig, task: Task, module: nnx.Module, images: jax.Array) -> jax.Array:
        return cast(Toy, module)(images)


def examples(count: int, seed: int = 0) -> data.Dataset:
    """Noise with one of three colours in it."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 3, count).astype(np.int32)
    images = random.integers(0, 100, (count, SIZE, SIZE, 3)) + 100 * np.eye(3, dtype=int)[label][:, None, None]
    return data.Dataset("toy", data.ArraySource(images.astype(np.uint8)), {"label": label}, LABELS)


TASK = Task(labels=LABELS, size=SIZE)
TRAIN = TrainConfig(
    steps=8,
    batch=16,
    evaluate_every=4,
    checkpoint_every=3,
    log_every=1,
    optimizer=OptimizerConfig(learning_rate=0.05, schedule="cosine", warmup=2),
)
TOY = ToyFramework()
TOY_CONFIG = ToyConfig()
PLAIN = dataclasses.replace(ToyConfig(), dropout=0.0, norm=False)
"""Without anything that depends on how a batch is divided."""
