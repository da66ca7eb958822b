"""The training step of GReFEL and of its baselines, and the entry in the registry of frameworks."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array
from jaxface.data.augmentation import AugmentConfig, augment
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Batch, Fixture, Framework, Info, Step, Task, TrainState
from jaxface.frameworks.common.images import colour, for_network
from jaxface.frameworks.common.step import Loss, supervised_step
from jaxface.frameworks.grefel import scn
from jaxface.frameworks.grefel.anchor_correction import confidence, mixture
from jaxface.frameworks.grefel.config import BalanceConfig, GrefelConfig, LossConfig, SmallConfig
from jaxface.frameworks.grefel.losses import anchor_loss, centre_loss, class_loss, class_weights
from jaxface.frameworks.grefel.networks import Anchors, Grefel, prepared, shape_of
from jaxface.frameworks.grefel.weights import started

_RAMP = "ramp"  # column of a batch: the share of the steps that are done


def size(config: GrefelConfig) -> int:
    """Pixels along an edge of the images it is to be given."""
    return 224 if config.extractor == "poster-v2" else 64


def build(config: GrefelConfig, task: Task, rngs: nnx.Rngs) -> Grefel:
    """The network, whichever the method."""
    return Grefel(config, task, rngs=rngs)


def make_step(config: GrefelConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """The losses of the method on the column `label`; frozen backbones stay as they are."""
    loss = make_loss(config, task)

    def trained(path: tuple[Any, ...], leaf: Any) -> bool:
        frozen = path[0] == "extractor" and path[1] in config.frozen
        return isinstance(leaf, nnx.Param) and not frozen

    inner = supervised_step(graphdef, loss, train, trained)

    def update(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, Info]:
        done = jnp.full(batch["label"].shape, state.step / train.steps, jnp.float32)
        return inner.update(state, {**batch, _RAMP: done}, key)

    return Step(inner.init, update)


def make_loss(config: GrefelConfig, task: Task) -> Loss:
    """(module, batch with a column `ramp`, key) -> the loss of a batch and its parts."""
    shape = shape_of(config, task)

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        network = cast(Grefel, module)
        images = augment(jax.random.split(key)[0], batch["image"], config.augment)
        images = prepared(colour(images), shape)
        logits, embeddings = network(for_network(images, network.extractor))
        info = {"accuracy": (logits.argmax(-1) == batch["label"]).mean()}
        weights = counted(network, batch["label"]) if config.losses.class_weights else None
        if network.anchors is not None:
            value, parts = balanced_loss(config, network.anchors, logits, embeddings, batch, weights)
        elif network.importance is not None:
            value, parts = self_cure(config, network, logits, embeddings, batch, weights)
        else:
            distributions = jax.nn.log_softmax(logits.astype(jnp.float32))
            value, parts = class_loss(distributions, batch["label"], config.losses.smoothing, weights), {}
        return value, {**info, **parts}

    return loss


def counted(network: Grefel, labels: Array) -> Array:
    """The classes' weights after these labels have been counted, (C,)."""
    seen = network.seen[...]
    seen = seen + jax.nn.one_hot(labels, len(seen), dtype=seen.dtype).sum(0)
    network.seen[...] = seen
    return class_weights(seen)


def balanced_loss(
    config: GrefelConfig,
    anchors: Anchors,
    logits: Array,
    embeddings: Array,
    batch: Batch,
    weights: Array | None,
) -> tuple[Array, Info]:
    """lambda_cls L_cls of the ramped answer, and the ramped losses of the anchors."""
    rates, labels = config.losses, batch["label"]
    ramp = batch[_RAMP][0] if config.balance.ramp == "linear" else jnp.ones(())
    found = anchors(logits, embeddings)
    answers = jax.vmap(mixture, (None, 0, 0))(1.0 - ramp, found.primary, found.corrected)
    classes = class_loss(answers, labels, rates.smoothing, weights)
    numbers = anchors.anchors[...].astype(jnp.float32)
    apart = anchor_loss(numbers, rates.anchor_limit)
    near = centre_loss(found.primary, found.distances, labels, numbers.shape[-1])
    value = rates.classes * classes + ramp * (rates.anchors * apart + rates.centres * near)
    return value, {
        "class_loss": classes,
        "anchor_loss": apart,
        "centre_loss": near,
        "anchor_norm": jnp.sqrt((numbers**2).sum(-1)).mean(),
        "corrected_accuracy": (found.corrected.argmax(-1) == labels).mean(),
        "confidence": jax.vmap(confidence)(found.primary).mean(),
        "corrected_confidence": jax.vmap(confidence)(found.corrected).mean(),
    }


def self_cure(
    config: GrefelConfig, network: Grefel, logits: Array, embeddings: Array, batch: Batch, weights: Array | None
) -> tuple[Array, Info]:
    """SCN's loss; labels that it corrects are remembered where the data number their examples.

    Without numbers the correction holds for this step alone, and comes before the loss.
    """
    rates, labels, logits = config.scn, batch["label"], logits.astype(jnp.float32)
    trust = network.trust(embeddings).astype(jnp.float32)
    high = scn.important(trust, rates.high)
    if network.cured is not None:
        cured = network.cured[...][batch["index"]]
        labels = jnp.where(cured >= 0, cured, labels)
    new = scn.relabelled(jax.lax.stop_gradient(logits), labels, high, rates.relabel_margin)
    new = jnp.where(batch[_RAMP] >= rates.relabel_from, new, labels)
    if network.cured is None:
        labels = new
    else:
        network.cured[...] = network.cured[...].at[batch["index"]].set(new)
    classes = class_loss(jax.nn.log_softmax(logits), labels, config.losses.smoothing, weights)
    ranks = scn.rank_loss(trust, high, rates.margin)
    value = rates.rank_weight * ranks + (1.0 - rates.rank_weight) * classes
    changed = (new != batch["label"]).mean()
    return value, {"class_loss": classes, "rank_loss": ranks, "relabelled": changed, "trust": trust.mean()}


def predict(config: GrefelConfig, task: Task, module: nnx.Module, images: Array) -> Array:
    """Logits (B, C) of images (B, H, W, 3 or 1) in [0, 1]; corrected ones are logarithms of probabilities."""
    network = cast(Grefel, module)
    faces = prepared(colour(images), shape_of(config, task))
    logits, embeddings = network(for_network(faces, network.extractor))
    if network.anchors is None:
        return logits.astype(jnp.float32)
    if config.balance.test_correction == "off":
        return logits.astype(jnp.float32) / config.balance.temperature
    attentive = config.balance.test_correction == "full"
    return network.anchors(logits, embeddings, attentive=attentive).corrected


def fixture(key: Array) -> Fixture:
    """Sixteen noisy pictures of three colours, for an extractor as small as can be."""
    labels = jnp.arange(16) % 3
    noise = jax.random.uniform(key, (16, 32, 32, 3), maxval=0.5)
    images = noise + 0.5 * jax.nn.one_hot(labels, 3)[:, None, None, :]
    config = GrefelConfig(
        extractor="small",
        head=(16,),
        dropout=0.0,
        augment=AugmentConfig(),
        small=SmallConfig(channels=(8, 8, 8), heads=(1, 1, 1), width=16, depth=1, token_heads=2),
        balance=BalanceConfig(anchors=2, attention_width=8, ramp="none", test_correction="full"),
        losses=LossConfig(smoothing=0.0),
    )
    return Fixture(
        config,
        TrainConfig(steps=8, batch=16, optimiser=OptimizerConfig(learning_rate=3e-3, schedule="constant")),
        Task(labels=("happiness", "sadness", "surprise"), size=32, channels=3),
        {"image": (255 * images).astype(jnp.uint8), "label": labels},
    )


FRAMEWORK = Framework(
    name="grefel",
    config=GrefelConfig,
    build=build,
    make_step=make_step,
    predict=predict,
    fixture=fixture,
    size=size,
    start=started,
)
