"""One encoder of faces to features, two classifiers of action units, and for DANN and CDAN a
discriminator of the domains. Another encoder is another entry in `ENCODERS`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.nets.layers import Convolution, Dense, Dropout, LayerNorm
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.common.framework import Batch
from jaxface.frameworks.pm2.backbones import Drml, JaaNet
from jaxface.frameworks.pm2.backbones.losses import jaa_loss
from jaxface.frameworks.pm2.config import Pm2Config

_PLACES = 4  # along an edge of the small encoder's last maps


class Encoder(NamedTuple):
    """An entry of the registry.

    `build`: (config, numbers of the action units, rngs) -> a module that maps faces (B, size, size,
    3), in ImageNet's statistics, to features (B, D), and has D as its attribute `width`.
    """

    build: Callable[[Pm2Config, tuple[int, ...], nnx.Rngs], Any]
    size: int  # pixels along an edge of its faces
    mixes: bool = False  # whether features depend on the batch: domains are encoded apart
    architecture: str = ""  # of the net inside, in `classify.architectures`, for initial weights
    loss: Callable[[Any, Array, Batch], Array] | None = None  # (module, faces, batch) -> its own


class MapNorm(nnx.Module):
    """Normalization over all of an image's maps (B, H, W, C) at once, with a scale and a bias for each channel:
    a flat image stays flat, and images do not depend on each other."""

    def __init__(self, channels: int) -> None:
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, maps: Array) -> Array:
        deviation = maps - maps.mean((1, 2, 3), keepdims=True)
        variance = (deviation * deviation).mean((1, 2, 3), keepdims=True)
        normal = deviation * jax.lax.rsqrt(variance + 1e-5)
        return normal * self.scale[...].reshape(1, 1, 1, -1) + self.bias[...].reshape(1, 1, 1, -1)


class Small(nnx.Module):
    """Convolutions that halve the size, each with normalization and ReLU, and a dense layer over all positions:
    faces are aligned, so positions carry meaning. Images do not depend on each other."""

    def __init__(self, config: Pm2Config, units: tuple[int, ...], rngs: nnx.Rngs) -> None:
        edges = zip((3, *config.widths), config.widths, strict=False)
        self.convolutions = nnx.List([Convolution(a, b, bias=False, rngs=rngs) for a, b in edges])
        self.norms = nnx.List([MapNorm(width) for width in config.widths])
        self.dense = Dense(_PLACES**2 * config.widths[-1], config.features, bias=False, rngs=rngs)
        self.last = LayerNorm(config.features)
        self.width = config.features

    def __call__(self, images: Array) -> Array:
        maps = images
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            maps = jax.nn.relu(norm(convolution(maps, 2)))
        batch, height, width, channels = maps.shape
        places = maps.reshape(batch, _PLACES, height // _PLACES, _PLACES, width // _PLACES, channels)
        return self.last(self.dense(places.mean((2, 4)).reshape(batch, -1)))


class Headless(nnx.Module):
    """A net of `classify` without its head: features are its map `embedding`."""

    def __init__(self, architecture: str, rngs: nnx.Rngs) -> None:
        net: Any = ARCHITECTURES[architecture].net(1, rngs=rngs)
        self.width = net.head.kernel.shape[0]
        net.head = Identity()
        self.net = net

    def __call__(self, images: Array) -> Array:
        _, maps = self.net(images)
        return maps["embedding"]


class Identity(nnx.Module):
    """Replaces a head: returns the features unchanged."""

    def __call__(self, features: Array) -> Array:
        return features


ENCODERS: dict[str, Encoder] = {
    "small": Encoder(Small, 64),
    "resnet18": Encoder(lambda config, units, rngs: Headless("resnet18", rngs), 224, True, "resnet18"),
    "swin-b": Encoder(lambda config, units, rngs: Headless("swin-b", rngs), 224, architecture="swin-b"),
    "drml": Encoder(lambda config, units, rngs: Drml(rngs=rngs), 170, True),
    "drml-small": Encoder(lambda config, units, rngs: Drml(64, "SAME", dense=(256, 128), rngs=rngs), 64, True),
    "jaa-net": Encoder(lambda config, units, rngs: JaaNet(units, rngs=rngs), 176, True, loss=jaa_loss),
    "jaa-net-small": Encoder(
        lambda config, units, rngs: JaaNet(units, 64, 2, rngs=rngs), 64, True, loss=jaa_loss
    ),
}
"""By the name in `Pm2Config.encoder`."""


class Head(nnx.Module):
    """Features (B, D) -> logits (B, outputs): dense, ReLU and dropout for each width, and a dense layer."""

    def __init__(
        self, inputs: int, widths: tuple[int, ...], outputs: int, dropout: float = 0.0, *, rngs: nnx.Rngs
    ) -> None:
        edges = (inputs, *widths)
        self.dense = nnx.List([Dense(a, b, rngs=rngs) for a, b in zip(edges, widths, strict=False)])
        self.drop = Dropout(dropout) if dropout else None
        self.last = Dense(edges[-1], outputs, rngs=rngs)

    def __call__(self, features: Array) -> Array:
        for dense in self.dense:
            features = jax.nn.relu(dense(features))
            features = features if self.drop is None else self.drop(features)
        return self.last(features)


class Detector(nnx.Module):
    """E, C1 and C2 of the paper, the same for every method, so that none has more capacity than another.

    DANN and CDAN have a `discriminator` of features, or their outer product with U probabilities,
    besides: (B, 1), above 0 for the source.
    """

    def __init__(self, config: Pm2Config, task: Task, *, rngs: nnx.Rngs) -> None:
        units = len(task.units)
        if not units:
            raise ConfigError("pm2 needs data with the column 'units'; these have none")
        self.encoder = ENCODERS[config.encoder].build(config, task.units, rngs)
        width = self.encoder.width
        self.first, self.second = (
            Head(width, config.hidden, units, config.dropout, rngs=rngs) for _ in range(2)
        )
        inputs = {"dann": width, "cdan": width * units}.get(config.method)
        layers = config.adaptation.discriminator
        self.discriminator = None if inputs is None else Head(inputs, layers, 1, rngs=rngs)

    def classify(self, features: Array) -> tuple[Array, Array]:
        """Return the logits of both classifiers for features (B, D): (B, U) each."""
        return self.first(features), self.second(features)


def combine_logits(first: Array, second: Array) -> Array:
    """Eq. 10: return the logit of the mean of two probabilities, from logits of one shape.

    The paper calls p logits, but compares them with 1/2, so they are probabilities.
    """
    present, absent = (
        jnp.logaddexp(jax.nn.log_sigmoid(sign * first), jax.nn.log_sigmoid(sign * second)) for sign in (1, -1)
    )
    return present - absent
