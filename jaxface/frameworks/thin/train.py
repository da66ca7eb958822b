"""THIN's framework: its training step, initial weights and prediction."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import vgg
from jaxface.classify.weights import fill, flat_arrays
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.core.types import Array
from jaxface.data import augment
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step
from jaxface.frameworks.common.images import cast_like, unit_range
from jaxface.frameworks.common.init_weights import replace_subtree, subtree
from jaxface.frameworks.common.step import supervised_step
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.thin.config import TABLES, UNTRAINED, ThinConfig
from jaxface.frameworks.thin.losses import cross_entropy
from jaxface.frameworks.thin.networks import ExogenousNetwork, Thin, ThinOutputs, exogenous_classes

TRAINABLE: Any = nnx.All(nnx.Param, nnx.Not(nnx.PathContains("exogenous")))
"""phi, theta and psi of Eq. 8. tau and sigma are constants, through which the gradient passes."""

_VGG_PATHS = {"encoder": ("encoder", "vgg"), "top": ("head",)}  # part of VGG-16 -> path in an exogenous network


class ThinFramework(Framework):
    """THIN and the variants of Tables 2 and 4; the variant `exogenous` learns the label of its data set."""

    name = "thin"
    config, defaults, data = TABLES

    def image_size(self, config: ThinConfig) -> int | None:
        return 224 if config.encoder == "vgg16-face" else None

    def build(self, config: ThinConfig, task: Task, rngs: nnx.Rngs) -> Thin | ExogenousNetwork:
        if config.variant == "exogenous":
            return ExogenousNetwork(config, task, len(task.labels), rngs=rngs)
        return Thin(config, task, rngs=rngs)

    def initialize(self, config: ThinConfig, task: Task, state: nnx.State) -> nnx.State:
        """Insert the trained exogenous networks.

        Raises:
            ConfigError: the variant needs exogenous networks and the config names none.
            CheckpointError: weights that are missing or do not fit.
            StoreError, TrainingError: the folder of a training that cannot be read.
        """
        if config.variant == "exogenous":
            return state
        if not config.exogenous_weights:
            if config.gate_input == "exogenous" or config.start_from_exogenous:
                raise ConfigError(
                    f"variant {config.variant!r} needs networks of {list(config.exogenous)}: train each with "
                    "variant = 'exogenous' and name its folder in exogenous_weights (or 'untrained', as a "
                    "control)"
                )
            return state
        classes = exogenous_classes(config, task)
        networks = [
            None if place == UNTRAINED else read_exogenous(self, config, task, count, Path(place))
            for count, place in zip(classes, config.exogenous_weights, strict=True)
        ]
        return insert_exogenous(config, state, networks)

    def make_step(self, config: ThinConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
        """Return the step of Eq. 8 over all but the exogenous networks, or of the exogenous one alone."""

        def exogenous_loss(
            module: ExogenousNetwork, batch: Batch, key: Array, step_fraction: Array
        ) -> tuple[Array, Info]:
            images = augment(key, unit_range(batch["image"]), config.augment)
            logits = module(cast_like(images, module))
            return mean_cross_entropy(logits, batch["label"]), {"accuracy": accuracy(logits, batch["label"])}

        def thin_loss(module: Thin, batch: Batch, key: Array, step_fraction: Array) -> tuple[Array, Info]:
            images = augment(key, unit_range(batch["image"]), config.augment)
            outputs = forward(config, module, {**batch, "image": images})
            label_loss = mean_cross_entropy(outputs.logits, batch["label"])
            info = {"accuracy": accuracy(outputs.logits, batch["label"]), "cross_entropy": label_loss}
            if config.variant != "thin":
                return label_loss, info
            similarity = outputs.similarity.astype(jnp.float32).mean()
            return label_loss + config.dispelling * similarity, {**info, "similarity": similarity}

        if config.variant == "exogenous":
            return supervised_step(graphdef, exogenous_loss, train)
        return supervised_step(graphdef, thin_loss, train, TRAINABLE)

    def predict(self, config: ThinConfig, task: Task, module: Any, images: Array) -> Array:
        """Return logits (B, K); raise ConfigError for the oracle, which needs more than images."""
        outputs = module(cast_like(images, module))
        return (outputs if config.variant == "exogenous" else outputs.logits).astype(jnp.float32)


def read_exogenous(framework: Framework, config: ThinConfig, task: Task, classes: int, path: Path) -> nnx.State:
    """Read an `ExogenousNetwork`'s state: of a training's folder, arrays, or VGGFace's checkpoint.

    Raises:
        CheckpointError: a file that is missing or does not fit.
        StoreError, TrainingError: a training's folder that cannot be read.
    """
    abstract = nnx.eval_shape(lambda: ExogenousNetwork(config, task, classes, rngs=nnx.Rngs(0)))
    if path.is_dir():
        return fill(nnx.state(abstract), flat_arrays(restore(path, framework).result.state), str(path))
    tensors = checkpoints.read(path)
    if config.encoder == "vgg16-face":
        net = nnx.eval_shape(lambda: vgg.Vgg16(classes, rngs=nnx.Rngs(0)))
        return of_vgg(fill(nnx.state(net), Translated(net, vgg.TORCH, tensors, str(path)), str(path)))
    return fill(nnx.state(abstract), tensors, str(path))


def insert_exogenous(config: ThinConfig, state: nnx.State, exogenous: list[nnx.State | None]) -> nnx.State:
    """Return THIN's state with these exogenous networks; None = untrained.

    With `start_from_exogenous`, the endogenous encoder becomes a copy of the first one's, and
    CheckpointError is raised if that is untrained.
    """
    for index, network in enumerate(exogenous):
        if network is not None:
            state = replace_subtree(state, ("exogenous", index), network)
    if config.start_from_exogenous:
        if exogenous[0] is None:
            raise CheckpointError("start_from_exogenous has no trained network to copy; name its weights")
        # A copy: a step donates what it trains.
        encoder = jax.tree.map(jnp.array, subtree(exogenous[0], ("encoder",)))
        state = replace_subtree(state, ("endogenous",), encoder)
    return state


def of_vgg(state: nnx.State) -> nnx.State:
    """Turn VGG-16's state into an `ExogenousNetwork`'s: convolutions are gamma_tau, dense layers c_sigma."""
    return nnx.from_flat_state(
        [((*_VGG_PATHS[str(path[0])], *path[1:]), leaf) for path, leaf in nnx.to_flat_state(state)]
    )


def forward(config: ThinConfig, module: Thin, batch: Batch) -> ThinOutputs:
    """Return the networks' outputs for a batch; the oracle also takes the exogenous variables' columns."""
    truth = None
    if config.gate_input == "truth":
        truth = jnp.stack([jnp.asarray(batch[column]) for column in config.exogenous], 1)
    return module(cast_like(unit_range(jnp.asarray(batch["image"])), module), truth)


def mean_cross_entropy(logits: Array, labels: Array) -> Array:
    """Return the mean cross-entropy of a batch, () float32."""
    return jax.vmap(cross_entropy)(logits.astype(jnp.float32), labels).mean()


def accuracy(logits: Array, labels: Array) -> Array:
    """Return the share of a batch whose largest logit is the label's."""
    return (logits.argmax(-1) == labels).mean()


FRAMEWORK = ThinFramework()
