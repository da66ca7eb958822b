"""THIN's training step, what it starts from, and its entry in the registry of frameworks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.data import augment
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Batch, Fixture, Framework, Info, Step, Task
from jaxface.frameworks.common.images import for_network, unit_range
from jaxface.frameworks.common.step import supervised_step
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.thin.config import UNTRAINED, ThinConfig
from jaxface.frameworks.thin.losses import cross_entropy
from jaxface.frameworks.thin.networks import Answer, ExogenousNetwork, Thin
from jaxface.frameworks.thin.weights import exogenous_states, with_states

TRAINABLE = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("exogenous")))
"""phi, theta and psi of Eq. 8. tau and sigma are constants, through which the gradient passes."""


def build(config: ThinConfig, task: Task, rngs: nnx.Rngs) -> Thin | ExogenousNetwork:
    """The networks of the variant; the exogenous ones untrained, see `start`."""
    if config.variant == "exogenous":
        return ExogenousNetwork(config, task, len(task.labels), rngs=rngs)
    return Thin(config, task, rngs=rngs)


def start(config: ThinConfig, task: Task, state: nnx.State) -> nnx.State:
    """The state with the trained exogenous networks in their places.

    Raises:
        ConfigError: the variant stands on exogenous networks and the config names none.
        CheckpointError: weights that are missing or do not fit.
        StoreError, TrainingError: the folder of a training that cannot be read.
    """
    if config.variant == "exogenous":
        return state
    if not config.exogenous_weights:
        if config.gated_by == "exogenous" or config.start_from_exogenous:
            raise ConfigError(
                f"variant {config.variant!r} stands on networks of {list(config.exogenous)}: train each with "
                "variant = 'exogenous' and name its folder in exogenous_weights (or 'untrained', as a control)"
            )
        return state

    def trained(folder: Path) -> nnx.State:
        return restore(FRAMEWORK, folder).fitted.state

    return with_states(config, state, exogenous_states(config, task, trained))


def make_step(config: ThinConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """Eq. 8 over all but the exogenous networks; `exogenous` learns what its data call the label."""

    def exogenous_loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        images = augment(key, unit_range(batch["image"]), config.augment)
        logits = cast(ExogenousNetwork, module)(for_network(images, module))
        return mean_cross_entropy(logits, batch["label"]), {"accuracy": right(logits, batch["label"])}

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        images = augment(key, unit_range(batch["image"]), config.augment)
        answer = respond(config, cast(Thin, module), {**batch, "image": images})
        supervised = mean_cross_entropy(answer.logits, batch["label"])
        info = {"accuracy": right(answer.logits, batch["label"]), "cross_entropy": supervised}
        if config.variant != "thin":
            return supervised, info
        alike = answer.similarity.astype(jnp.float32).mean()
        return supervised + config.dispelling * alike, {**info, "similarity": alike}

    chosen = exogenous_loss if config.variant == "exogenous" else loss
    trainable: Any = nnx.Param if config.variant == "exogenous" else TRAINABLE
    return supervised_step(graphdef, chosen, train, trainable)


def respond(config: ThinConfig, module: Thin, batch: Batch) -> Answer:
    """What the networks make of a batch; the oracle is told the exogenous variables."""
    truth = None
    if config.gated_by == "truth":
        truth = jnp.stack([jnp.asarray(batch[column]) for column in config.exogenous], 1)
    return module(for_network(unit_range(jnp.asarray(batch["image"])), module), truth)


def predict(config: ThinConfig, task: Task, module: nnx.Module, images: Array) -> Array:
    """Logits (B, K) of images (B, H, W, C) in [0, 1].

    Raises:
        ConfigError: the oracle, which cannot answer to images alone.
    """
    images = for_network(images, module)
    answer = module(images)
    return (answer if config.variant == "exogenous" else answer.logits).astype(jnp.float32)


def seen_size(config: ThinConfig) -> int | None:
    """Pixels along an edge: VGG's 224; the small encoders take what there is."""
    return 224 if config.encoder == "vgg16-face" else None


def mean_cross_entropy(logits: Array, labels: Array) -> Array:
    """Over a batch, () float32."""
    return jax.vmap(cross_entropy)(logits.astype(jnp.float32), labels).mean()


def right(logits: Array, labels: Array) -> Array:
    """The share of a batch whose largest logit is the label's."""
    return (logits.argmax(-1) == labels).mean()


def fixture(key: Array) -> Fixture:
    """Sixteen noisy pictures of three colours, bright or dark, which is exogenous."""
    label, shade = jnp.arange(16) % 3, jnp.arange(16) // 3 % 2
    noise = jax.random.uniform(key, (16, 16, 16, 3), maxval=0.5)
    images = (noise + 0.5 * jax.nn.one_hot(label, 3)[:, None, None, :]) * (0.5 + 0.5 * shade)[
        :, None, None, None
    ]
    return Fixture(
        ThinConfig(
            exogenous=("shade",), exogenous_weights=(UNTRAINED,), widths=(4, 4), depth=2, expert_hidden=(6,)
        ),
        # not Adam, which makes steps of a bias before a normalisation: its gradient is what rounding leaves
        TrainConfig(
            steps=8, batch=16, optimiser=OptimizerConfig("sgd", learning_rate=0.05, schedule="constant")
        ),
        Task(("happiness", "sadness", "surprise"), size=16, channels=3, extras=(("shade", 2),)),
        {"image": (255 * images).astype(jnp.uint8), "label": label, "shade": shade},
    )


FRAMEWORK = Framework(
    name="thin",
    config=ThinConfig,
    build=build,
    make_step=make_step,
    predict=predict,
    fixture=fixture,
    size=seen_size,
    defaults=TrainConfig(
        steps=10_000, batch=32, optimiser=OptimizerConfig("adam", learning_rate=1e-3, schedule="constant")
    ),
    start=start,
)
