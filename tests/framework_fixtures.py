"""Something tiny that each framework can train on, by its name in `frameworks.REGISTRY`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxface.data import AugmentConfig
from jaxface.frameworks.causal_affect import config as causal_affect
from jaxface.frameworks.classifier import ClassifierConfig
from jaxface.frameworks.common.config import OptimizerConfig, Task, TrainConfig
from jaxface.frameworks.common.framework import Batch
from jaxface.frameworks.grefel import config as grefel
from jaxface.frameworks.pm2 import Pm2Config
from jaxface.frameworks.thin import ThinConfig
from jaxface.frameworks.thin.config import UNTRAINED

LABELS = ("happiness", "sadness", "surprise")


class Fixture(NamedTuple):
    """A small training.

    Attributes:
        config: the framework's.
        train: with a batch as large as `batch`, divisible by 8.
        task: of the batch.
        batch: NumPy or JAX arrays; a few steps on it lower the loss.
    """

    config: Any
    train: TrainConfig
    task: Task
    batch: Batch


def _train(name: Any, learning_rate: float, batch: int = 16) -> TrainConfig:
    optimizer = OptimizerConfig(name, learning_rate=learning_rate, schedule="constant")
    return TrainConfig(steps=8, batch=batch, optimizer=optimizer)


def _colours(key: jax.Array, labels: jax.Array, size: int) -> jax.Array:
    """Noisy images (B, size, size, 3) of three colours, in [0, 1]."""
    noise = jax.random.uniform(key, (len(labels), size, size, 3), maxval=0.5)
    return noise + 0.5 * jax.nn.one_hot(labels, 3)[:, None, None, :]


def _to_bytes(images: jax.Array) -> jax.Array:
    return (255 * images).astype(jnp.uint8)


def causal_affect_fixture(key: jax.Array) -> Fixture:
    """Eight images: half of them with their units, half with their expression."""
    label = jnp.arange(8) % 3
    half = jnp.arange(8) < 4
    config = causal_affect.CausalAffectConfig(
        encoder="small",
        width=8,
        augment=AugmentConfig(),
        small=causal_affect.SmallConfig(channels=(8,), width=16),
        graph=causal_affect.GraphConfig(width=8, layers=1),
    )
    return Fixture(
        config,
        _train("sgd", 0.03, batch=8),
        Task(labels=LABELS, units=(1, 4, 12), size=16, channels=3),
        {
            "image": _to_bytes(_colours(key, label, 16)),
            "label": jnp.where(half, -1, label),
            "units": jax.nn.one_hot(label, 3) * half[:, None],
            "units_known": jnp.broadcast_to(half[:, None], (8, 3)),
        },
    )


def classifier_fixture(key: jax.Array) -> Fixture:
    """Sixteen images, for the smallest of the nets."""
    label = jnp.arange(16) % 3
    return Fixture(
        ClassifierConfig(),
        _train("adamw", 3e-3),
        Task(labels=LABELS, size=64, channels=3),
        {"image": _to_bytes(_colours(key, label, 64)), "label": label},
    )


def grefel_fixture(key: jax.Array) -> Fixture:
    """Sixteen images, for an extractor as small as can be."""
    label = jnp.arange(16) % 3
    config = grefel.GrefelConfig(
        extractor="small",
        head=(16,),
        dropout=0.0,
        augment=AugmentConfig(),
        small=grefel.SmallConfig(channels=(8, 8, 8), heads=(1, 1, 1), width=16, depth=1, token_heads=2),
        balance=grefel.BalanceConfig(anchors=2, attention_width=8, ramp="none", test_correction="full"),
        losses=grefel.LossConfig(smoothing=0.0),
    )
    return Fixture(
        config,
        _train("adamw", 3e-3),
        Task(labels=LABELS, size=32, channels=3),
        {"image": _to_bytes(_colours(key, label, 32)), "label": label},
    )


def pm2_fixture(key: jax.Array) -> Fixture:
    """Sixteen images whose colours are the units, with brighter and darker pairs, and a dim target."""
    units = (jnp.arange(16)[:, None] // jnp.array([[1, 2]]) % 2).astype(jnp.float32)
    colours = jnp.concatenate([units, jnp.zeros((16, 1))], axis=1)
    noise = 0.4 * jax.random.uniform(key, (4, 16, 16, 16, 3))
    shades = {"image": 0.5, "female": 0.4, "male": 0.6, "target": 0.3}
    images = {
        name: _to_bytes(noise[index] + shade * colours[:, None, None, :])
        for index, (name, shade) in enumerate(shades.items())
    }
    return Fixture(
        Pm2Config(encoder="small", widths=(4,), features=8, hidden=()),
        # not Adam, which follows the sign of a gradient even where it is only rounding
        _train("sgd", 0.05),
        Task(units=(1, 12), size=16, channels=3),
        {
            **images,
            "units": units,
            "units_known": jnp.ones((16, 2), bool),
            "sex": jnp.arange(16, dtype=jnp.int32) % 2,
        },
    )


def thin_fixture(key: jax.Array) -> Fixture:
    """Sixteen images, bright or dark; the brightness is the exogenous variable."""
    label, shade = jnp.arange(16) % 3, jnp.arange(16) // 3 % 2
    images = _colours(key, label, 16) * (0.5 + 0.5 * shade)[:, None, None, None]
    config = ThinConfig(
        exogenous=("shade",), exogenous_weights=(UNTRAINED,), widths=(4, 4), depth=2, expert_hidden=(6,)
    )
    return Fixture(
        config,
        # not Adam, which moves a bias before a normalization by the sign of rounding
        _train("sgd", 0.05),
        Task(LABELS, size=16, channels=3, extras=(("shade", 2),)),
        {"image": _to_bytes(images), "label": label, "shade": shade},
    )


FIXTURES: dict[str, Callable[[jax.Array], Fixture]] = {
    "causal_affect": causal_affect_fixture,
    "classifier": classifier_fixture,
    "grefel": grefel_fixture,
    "pm2": pm2_fixture,
    "thin": thin_fixture,
}
