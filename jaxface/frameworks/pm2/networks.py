"""One encoder, two classifiers of action units, and for DANN and CDAN a discriminator of the domains."""

import jax
from flax import nnx

from jaxface.classify.nets.layers import Dense, Dropout
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.common.task import Task
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.encoders import ENCODERS


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
        jax.numpy.logaddexp(jax.nn.log_sigmoid(sign * first), jax.nn.log_sigmoid(sign * second))
        for sign in (1, -1)
    )
    return present - absent
