"""CausalAffect's training step, and its entry in the registry of frameworks."""

from __future__ import annotations

from typing import cast

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array
from jaxface.data.augmentation import AugmentConfig, augment
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, GraphConfig, SmallConfig
from jaxface.frameworks.causal_affect.encoder import CONVNEXT, prepared
from jaxface.frameworks.causal_affect.inputs import MixedConfig, open_mixture
from jaxface.frameworks.causal_affect.losses import total_loss
from jaxface.frameworks.causal_affect.networks import CausalAffect, Outputs, expression_answers, unit_answers
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Batch, Fixture, Framework, Info, Step, Task
from jaxface.frameworks.common.images import colour, for_network
from jaxface.frameworks.common.init_weights import load_initial_weights
from jaxface.frameworks.common.step import supervised_step


def size(config: CausalAffectConfig) -> int:
    """Pixels along an edge of the images it is to be given."""
    return 224 if config.encoder == CONVNEXT else 64


def build(config: CausalAffectConfig, task: Task, rngs: nnx.Rngs) -> CausalAffect:
    """The networks, with the graphs that the config asks for."""
    return CausalAffect(config, task, rngs=rngs)


def start(config: CausalAffectConfig, task: Task, state: nnx.State) -> nnx.State:
    """The state with ConvNeXt's weights from the file that the config names.

    Raises:
        ConfigError, CheckpointError: as `start.started`.
    """
    if config.start is None:
        return state
    network = nnx.eval_shape(lambda: build(config, task, nnx.Rngs(0)))
    inside = nnx.from_flat_state(
        [(path[2:], leaf) for path, leaf in nnx.to_flat_state(state) if path[:2] == ("encoder", "net")]
    )
    begun = dict(nnx.to_flat_state(load_initial_weights(network.encoder.net, inside, CONVNEXT, config.start)))
    return nnx.from_flat_state(
        [
            (path, begun.get(path[2:], leaf) if path[:2] == ("encoder", "net") else leaf)
            for path, leaf in nnx.to_flat_state(state)
        ]
    )


def make_step(config: CausalAffectConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """One optimiser and Eq. 16, on the columns `units`, `units_known` and `label` (-1 = unknown)."""

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        network = cast(CausalAffect, module)
        k_images, k_losses = jax.random.split(key)
        images = prepared(colour(augment(k_images, batch["image"], config.augment)))
        seen = exact(network(for_network(images, network)))
        value, parts = total_loss(config, network, seen, batch, k_losses)
        return value, {**parts, **monitors(config, seen, batch)}

    return supervised_step(graphdef, loss, train)


def monitors(config: CausalAffectConfig, seen: Outputs, batch: Batch) -> dict[str, Array]:
    """What is worth watching: F1 of the units by their own features, all units and examples pooled, which falls
    first where a bottleneck is too narrow; and the share of right expressions among the known."""
    there, known = batch["units"] > 0.5, batch["units_known"]
    guessed = seen.feature_logits > 0.0
    hits, marked = (there & guessed & known).sum(), (there & known).sum() + (guessed & known).sum()
    found = {"units_f1": 2.0 * hits / jnp.maximum(marked, 1)}
    if seen.embedding_logits is None and seen.expressions is None:
        return found
    label = batch["label"]
    right = (expression_answers(seen, config).argmax(-1) == label) & (label >= 0)
    return found | {"accuracy": right.sum() / jnp.maximum((label >= 0).sum(), 1)}


def exact(seen: Outputs) -> Outputs:
    """In float32, whatever the networks compute in."""
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), seen)


def look(module: nnx.Module, images: Array) -> Outputs:
    """What the networks make of images (B, H, W, 3 or 1) in [0, 1], in inference mode; float32."""
    network = cast(CausalAffect, module)
    return exact(network(for_network(prepared(colour(images)), network)))


def predict(config: CausalAffectConfig, task: Task, module: nnx.Module, images: Array) -> Array:
    """Logits of the expressions, (B, C); (B, 0) where none are learnt."""
    return expression_answers(look(module, images), config)


def predict_units(config: CausalAffectConfig, task: Task, module: nnx.Module, images: Array) -> Array:
    """Logits of the action units, (B, U)."""
    return unit_answers(look(module, images), config)


def fixture(key: Array) -> Fixture:
    """Eight noisy pictures of three colours: half of them with their units, half with their expression."""
    label = jnp.arange(8) % 3
    noise = jax.random.uniform(key, (8, 16, 16, 3), maxval=0.5)
    images = noise + 0.5 * jax.nn.one_hot(label, 3)[:, None, None, :]
    half = jnp.arange(8) < 4
    config = CausalAffectConfig(
        encoder="small",
        width=8,
        augment=AugmentConfig(),
        small=SmallConfig(channels=(8,), width=16),
        graph=GraphConfig(width=8, layers=1),
    )
    rule = OptimizerConfig(name="sgd", learning_rate=0.03, schedule="constant")
    return Fixture(
        config,
        TrainConfig(steps=8, batch=8, optimiser=rule),
        Task(labels=("happiness", "sadness", "surprise"), units=(1, 4, 12), size=16, channels=3),
        {
            "image": (255 * images).astype(jnp.uint8),
            "label": jnp.where(half, -1, label),
            "units": jax.nn.one_hot(label, 3) * half[:, None],
            "units_known": jnp.broadcast_to(half[:, None], (8, 3)),
        },
    )


FRAMEWORK = Framework(
    name="causal_affect",
    config=CausalAffectConfig,
    build=build,
    make_step=make_step,
    predict=predict,
    fixture=fixture,
    size=size,
    start=start,
    data=MixedConfig,
    inputs=open_mixture,
    units=predict_units,
)
