"""CausalAffect's framework: its training step, prediction and data."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array
from jaxface.data.augmentation import augment
from jaxface.frameworks.causal_affect.config import TABLES, CausalAffectConfig
from jaxface.frameworks.causal_affect.encoder import CONVNEXT
from jaxface.frameworks.causal_affect.inputs import MixedConfig, open_mixture
from jaxface.frameworks.causal_affect.losses import total_loss
from jaxface.frameworks.causal_affect.networks import CausalAffect, Outputs, expression_logits, unit_logits
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step
from jaxface.frameworks.common.images import cast_like, imagenet_normalize, to_rgb
from jaxface.frameworks.common.init_weights import load_initial_weights
from jaxface.frameworks.common.inputs import TrainInputs
from jaxface.frameworks.common.step import supervised_step


class CausalAffectFramework(Framework):
    """CausalAffect and its ablations, on the columns `units`, `units_known` and `label` (-1 = unknown)."""

    name = "causal_affect"
    config, defaults, data = TABLES
    network = CausalAffect
    predicts_units = True

    def image_size(self, config: CausalAffectConfig) -> int:
        return 224 if config.encoder == CONVNEXT else 64

    def initialize(self, config: CausalAffectConfig, task: Task, state: nnx.State) -> nnx.State:
        if config.start is None:
            return state
        net = nnx.eval_shape(lambda: CausalAffect(config, task, rngs=nnx.Rngs(0)).encoder.net)
        return load_initial_weights(state, ("encoder", "net"), net, CONVNEXT, config.start)

    def open_inputs(
        self, config: CausalAffectConfig, data: MixedConfig, train: TrainConfig, seed: int
    ) -> TrainInputs:
        return open_mixture(data, train.batch, self.image_size(config), seed)

    def make_step(
        self, config: CausalAffectConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef
    ) -> Step:
        def loss(network: CausalAffect, batch: Batch, key: Array, step_fraction: Array) -> tuple[Array, Info]:
            k_images, k_losses = jax.random.split(key)
            outputs = forward_eval(network, augment(k_images, batch["image"], config.augment))
            value, terms = total_loss(config, network, outputs, batch, k_losses)
            return value, {**terms, **monitors(config, outputs, batch)}

        return supervised_step(graphdef, loss, train)

    def predict(self, config: CausalAffectConfig, task: Task, module: Any, images: Array) -> Array:
        return expression_logits(forward_eval(module, images), config)

    def predict_units(self, config: CausalAffectConfig, task: Task, module: Any, images: Array) -> Array:
        return unit_logits(forward_eval(module, images), config)


def monitors(config: CausalAffectConfig, outputs: Outputs, batch: Batch) -> dict[str, Array]:
    """Return the pooled F1 of the units by their own features, which falls first where a bottleneck
    is too narrow, and the accuracy of the expressions with a label."""
    present, mask = batch["units"] > 0.5, batch["units_known"]
    prediction = outputs.feature_logits > 0.0
    true_positives = (present & prediction & mask).sum()
    positives = (present & mask).sum() + (prediction & mask).sum()
    metrics = {"units_f1": 2.0 * true_positives / jnp.maximum(positives, 1)}
    if outputs.embedding_logits is None and outputs.expressions is None:
        return metrics
    label = batch["label"]
    correct = (expression_logits(outputs, config).argmax(-1) == label) & (label >= 0)
    return metrics | {"accuracy": correct.sum() / jnp.maximum((label >= 0).sum(), 1)}


def forward_eval(module: Any, images: Array) -> Outputs:
    """Return the networks' outputs for images (B, H, W, 3 or 1) in [0, 1]; float32."""
    outputs = module(cast_like(imagenet_normalize(to_rgb(images)), module))
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), outputs)


FRAMEWORK = CausalAffectFramework()
