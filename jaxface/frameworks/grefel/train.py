"""GReFEL's framework: the training step of the method and of its baselines, and prediction."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array
from jaxface.data.augmentation import augment
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step
from jaxface.frameworks.common.images import cast_like, to_rgb
from jaxface.frameworks.common.step import Loss, supervised_step
from jaxface.frameworks.grefel import losses
from jaxface.frameworks.grefel.anchor_correction import confidence, mixture
from jaxface.frameworks.grefel.config import POSTER_V2, TABLES, GrefelConfig
from jaxface.frameworks.grefel.losses import class_loss, class_weights
from jaxface.frameworks.grefel.networks import Anchors, Grefel, preprocess, shape_of
from jaxface.frameworks.grefel.weights import load_extractor


class GrefelFramework(Framework):
    """GReFEL, and on the same extractor cross-entropy, POSTER++ and SCN."""

    name = "grefel"
    config, defaults, data = TABLES
    network = Grefel

    def image_size(self, config: GrefelConfig) -> int:
        return 224 if config.extractor == POSTER_V2 else 64

    def initialize(self, config: GrefelConfig, task: Task, state: nnx.State) -> nnx.State:
        return load_extractor(config, state)

    def make_step(self, config: GrefelConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
        def trainable(path: tuple[Any, ...], leaf: Any) -> bool:
            is_frozen = path[0] == "extractor" and path[1] in config.frozen
            return isinstance(leaf, nnx.Param) and not is_frozen

        return supervised_step(graphdef, make_loss(config, task), train, trainable)

    def predict(self, config: GrefelConfig, task: Task, module: Grefel, images: Array) -> Array:
        """Return logits (B, C), or where they are corrected log probabilities."""
        faces = preprocess(to_rgb(images), shape_of(config, task))
        logits, embeddings = module(cast_like(faces, module.extractor))
        if module.anchors is None:
            return logits.astype(jnp.float32)
        if config.balance.test_correction == "off":
            return logits.astype(jnp.float32) / config.balance.temperature
        attentive = config.balance.test_correction == "full"
        return module.anchors(logits, embeddings, attentive=attentive).corrected


def make_loss(config: GrefelConfig, task: Task) -> Loss:
    """Return the loss of the config's method."""
    shape = shape_of(config, task)

    def loss(network: Grefel, batch: Batch, key: Array, step_fraction: Array) -> tuple[Array, Info]:
        images = augment(jax.random.split(key)[0], batch["image"], config.augment)
        images = preprocess(to_rgb(images), shape)
        logits, embeddings = network(cast_like(images, network.extractor))
        info = {"accuracy": (logits.argmax(-1) == batch["label"]).mean()}
        weights = update_class_counts(network, batch["label"]) if config.losses.class_weights else None
        if network.anchors is not None:
            value, terms = balance_loss(
                config, network.anchors, logits, embeddings, batch["label"], weights, step_fraction
            )
        elif network.importance is not None:
            value, terms = self_cure(config, network, logits, embeddings, batch, weights, step_fraction)
        else:
            distributions = jax.nn.log_softmax(logits.astype(jnp.float32))
            value, terms = class_loss(distributions, batch["label"], config.losses.smoothing, weights), {}
        return value, {**info, **terms}

    return loss


def update_class_counts(network: Grefel, labels: Array) -> Array:
    """Add labels (B,) to the network's class counts, and return the classes' weights, (C,)."""
    counts = network.class_counts[...]
    counts = counts + jax.nn.one_hot(labels, len(counts), dtype=counts.dtype).sum(0)
    network.class_counts[...] = counts
    return class_weights(counts)


def balance_loss(
    config: GrefelConfig,
    anchors: Anchors,
    logits: Array,
    embeddings: Array,
    labels: Array,
    weights: Array | None,
    step_fraction: Array,
) -> tuple[Array, Info]:
    """Return lambda_cls L_cls of the ramped prediction plus the ramped losses of the anchors, and its terms.

    `weights` (C,) are of the classes; None = all alike.
    """
    lambdas = config.losses
    ramp = step_fraction if config.balance.ramp == "linear" else jnp.ones(())
    correction = anchors(logits, embeddings)
    predictions = jax.vmap(mixture, (None, 0, 0))(1.0 - ramp, correction.primary, correction.corrected)
    classes = class_loss(predictions, labels, lambdas.smoothing, weights)
    values = anchors.anchors[...].astype(jnp.float32)
    separation = losses.anchor_loss(values, lambdas.anchor_limit)
    centre = losses.centre_loss(correction.primary, correction.distances, labels, values.shape[-1])
    value = lambdas.classes * classes + ramp * (lambdas.anchors * separation + lambdas.centres * centre)
    return value, {
        "class_loss": classes,
        "anchor_loss": separation,
        "centre_loss": centre,
        "anchor_norm": jnp.sqrt((values**2).sum(-1)).mean(),
        "corrected_accuracy": (correction.corrected.argmax(-1) == labels).mean(),
        "confidence": jax.vmap(confidence)(correction.primary).mean(),
        "corrected_confidence": jax.vmap(confidence)(correction.corrected).mean(),
    }


def self_cure(
    config: GrefelConfig,
    network: Grefel,
    logits: Array,
    embeddings: Array,
    batch: Batch,
    weights: Array | None,
    step_fraction: Array,
) -> tuple[Array, Info]:
    """Return SCN's loss and its terms. Labels that it corrects are stored where the data number
    their examples; elsewhere the correction holds for this step only, and comes before the loss."""
    settings, labels, logits = config.scn, batch["label"], logits.astype(jnp.float32)
    importance = network.importance_weights(embeddings).astype(jnp.float32)
    high = losses.important(importance, settings.high)
    if network.cured_labels is not None:
        current = network.cured_labels[...][batch["index"]]
        labels = jnp.where(current >= 0, current, labels)
    new = losses.relabel(jax.lax.stop_gradient(logits), labels, high, settings.relabel_margin)
    new = jnp.where(step_fraction >= settings.relabel_from, new, labels)
    if network.cured_labels is None:
        labels = new
    else:
        network.cured_labels[...] = network.cured_labels[...].at[batch["index"]].set(new)
    classes = class_loss(jax.nn.log_softmax(logits), labels, config.losses.smoothing, weights)
    ranks = losses.rank_loss(importance, high, settings.margin)
    value = settings.rank_weight * ranks + (1.0 - settings.rank_weight) * classes
    changes = (new != batch["label"]).mean()
    terms = {"class_loss": classes, "rank_loss": ranks, "relabelled": changes, "trust": importance.mean()}
    return value, terms


FRAMEWORK = GrefelFramework()
