"""THIN's networks: the exogenous one that is trained first, and each row of Tables 2 and 4."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.vgg import VggTop
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.thin.config import ThinConfig
from jaxface.frameworks.thin.losses import mix_experts, similarity
from jaxface.frameworks.thin.trees import Committee, FaceEncoder, SmallEncoder, TreeGate


class ThinOutputs(NamedTuple):
    """The outputs of the networks for a batch."""

    logits: Array  # (B, K), of the classes
    gate: Array  # (B, L) weights of the experts
    endogenous: Array  # (B, h, w, C) the representation of the task
    exogenous: tuple[Array, ...]  # (B, h, w, C) of each variable; () if not used
    similarity: Array  # (B, variables) |cos| of Eq. 7; (B, 0) where nothing is dispelled


class ExogenousNetwork(nnx.Module):
    """gamma_tau and c_sigma of Section 3.1: the representation and classifier of a variable."""

    def __init__(self, config: ThinConfig, task: Task, classes: int, *, rngs: nnx.Rngs) -> None:
        self.encoder = encoder(config, task, rngs)
        inputs = math.prod(map_shape(config, task))
        self.head: Committee | VggTop = (
            VggTop(classes, inputs, rngs=rngs)
            if config.encoder == "vgg16-face"
            else Committee(inputs, config.exogenous_hidden, classes, 1, rngs=rngs)
        )

    def __call__(self, images: Array) -> Array:
        return self.classify(self.encoder(images))

    def classify(self, maps: Array) -> Array:
        """c_sigma: return logits (B, N), no softmax, of a representation (B, h, w, C) of either encoder."""
        if isinstance(self.head, VggTop):
            return self.head(maps)[0]
        return self.head(flat(maps))[:, 0]


class Thin(nnx.Module):
    """A row of Tables 2 and 4: an encoder, a committee, and perhaps gate and exogenous networks."""

    def __init__(self, config: ThinConfig, task: Task, *, rngs: nnx.Rngs) -> None:
        if not task.labels:
            raise ConfigError("THIN needs data with the column 'label'; these have none")
        height, width, depth = map_shape(config, task)
        self.pool_experts = config.expert_pool and config.experts > 1
        inputs = (height // 2) * (width // 2) * depth if self.pool_experts else height * width * depth
        hidden = config.baseline_hidden if config.variant == "baseline" else config.expert_hidden
        self.endogenous = encoder(config, task, rngs)
        self.committee = Committee(inputs, hidden, len(task.labels), config.experts, rngs=rngs)
        self.gate_input, self.gate_average = config.gate_input, config.gate_average
        self.dispels = config.variant == "thin"
        counts = exogenous_classes(config, task) if self.gate_input == "exogenous" else ()
        self.exogenous = nnx.List([ExogenousNetwork(config, task, classes, rngs=rngs) for classes in counts])
        self.truth_classes = exogenous_classes(config, task) if self.gate_input == "truth" else ()
        features = depth if config.gate_average else height * width * depth
        widths = {"endogenous": features, "exogenous": features * len(counts), "truth": sum(self.truth_classes)}
        self.gate = (
            None
            if self.gate_input == "nothing"
            else TreeGate(widths[self.gate_input], config.depth, config.gate_norm, rngs=rngs)
        )

    def __call__(self, images: Array, truth: Array | None = None) -> ThinOutputs:
        """Return the outputs for images (B, H, W, C) in [0, 1]; the oracle takes (B, variables)."""
        maps = self.endogenous(images)
        exogenous = tuple(network.encoder(images) for network in self.exogenous)
        expert_maps = max_pool(maps, 2, 2, "VALID") if self.pool_experts else maps
        logits = self.committee(flat(expert_maps))
        if self.gate is None:
            gate = jnp.full(logits.shape[:2], 1 / logits.shape[1], logits.dtype)
        else:
            gate = self.gate(self._gate_features(maps, exogenous, truth))
        similarities = [
            jax.vmap(similarity)(network.classify(representation), network.classify(maps))
            for network, representation in zip(self.exogenous, exogenous, strict=True)
            if self.dispels
        ]
        similar = jnp.stack(similarities, 1) if similarities else gate[:, :0]
        return ThinOutputs(jax.vmap(mix_experts)(logits, gate), gate, maps, exogenous, similar)

    def _gate_features(self, maps: Array, exogenous: tuple[Array, ...], truth: Array | None) -> Array:
        """Return the representations, averaged or flat, or true classes, one-hot: (B, features)."""
        if self.gate_input == "truth":
            if truth is None:
                raise ConfigError(
                    "the oracle's gate takes the true exogenous variables of its images; give truth="
                )
            pairs = enumerate(self.truth_classes)
            codes = [jax.nn.one_hot(truth[:, index], count, dtype=maps.dtype) for index, count in pairs]
            return jnp.concatenate(codes, 1)
        inputs = (maps,) if self.gate_input == "endogenous" else exogenous
        features = [each.mean((1, 2)) if self.gate_average else flat(each) for each in inputs]
        return jnp.concatenate(features, 1)


def encoder(config: ThinConfig, task: Task, rngs: nnx.Rngs) -> SmallEncoder | FaceEncoder:
    """Build the encoder that the config names; exogenous and endogenous ones have one shape."""
    if config.encoder == "vgg16-face":
        return FaceEncoder(rngs=rngs)
    return SmallEncoder(task.channels, config.widths, rngs=rngs)


def map_shape(config: ThinConfig, task: Task) -> tuple[int, int, int]:
    """Return the shape (h, w, C) of a representation; raise ConfigError for a wrong image size."""
    if config.encoder == "vgg16-face":
        if (task.size, task.channels) != (224, 3):
            raise ConfigError(
                f"the encoder vgg16-face needs colour images of 224 pixels, got {task.channels} channels and "
                f"{task.size} pixels; read the data with size = 224"
            )
        return 7, 7, 512
    edge = task.size >> len(config.widths)
    if edge < 1:
        raise ConfigError(
            f"{len(config.widths)} poolings leave nothing of {task.size} pixels; give fewer widths"
        )
    return edge, edge, config.widths[-1]


def exogenous_classes(config: ThinConfig, task: Task) -> tuple[int, ...]:
    """Return the classes of each exogenous variable; raise ConfigError where nothing says so."""
    return config.exogenous_classes or tuple(task.classes(column) for column in config.exogenous)


def flat(maps: Array) -> Array:
    """Flatten (B, h, w, C) to (B, h w C); B may be a symbol, as in an export."""
    return maps.reshape(-1, math.prod(maps.shape[1:]))
