"""The entry in the registry of frameworks: what is built, trained and asked."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Fixture, Framework, Step, Task
from jaxface.frameworks.common.images import for_network
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.pm2 import steps
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.encoders import ENCODERS, prepared
from jaxface.frameworks.pm2.inputs import Pm2Data, pm2_inputs
from jaxface.frameworks.pm2.networks import Detector, answer
from jaxface.frameworks.pm2.weights import begun


def build(config: Pm2Config, task: Task, rngs: nnx.Rngs) -> Detector:
    """The networks, whichever the method."""
    return Detector(config, task, rngs=rngs)


def make_step(config: Pm2Config, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
    """The method's step."""
    return steps.make_step(config, train, graphdef)


def predict(config: Pm2Config, task: Task, module: nnx.Module, images: Array) -> Array:
    """Logits (B, U) of the mean of both classifiers' probabilities (Eq. 10), of images in [0, 1]."""
    detector = cast(Detector, module)
    features = detector.encoder(for_network(prepared(images), detector.first))
    first, second = (logits.astype(jnp.float32) for logits in detector.classify(features))
    return answer(first, second)


def size(config: Pm2Config) -> int:
    """Pixels along an edge: those of the encoder."""
    return ENCODERS[config.encoder].size


def start(config: Pm2Config, task: Task, state: nnx.State) -> nnx.State:
    """The state with what the config says it begins with; raises as `weights.begun`."""

    def trained(folder: Path) -> nnx.State:
        return restore(FRAMEWORK, folder).fitted.state

    return begun(config, task, state, trained)


def fixture(key: Array) -> Fixture:
    """Sixteen noisy pictures whose colours are the units, with brighter and darker pairs, and a dim target."""
    units = (jnp.arange(16)[:, None] // jnp.array([[1, 2]]) % 2).astype(jnp.float32)
    colours = jnp.concatenate([units, jnp.zeros((16, 1))], axis=1)
    noise = 0.4 * jax.random.uniform(key, (4, 16, 16, 16, 3))
    shades = dict(zip(("image", "female", "male", "target"), (0.5, 0.4, 0.6, 0.3), strict=True))
    pictures = {
        name: (255 * (noise[place] + shade * colours[:, None, None, :])).astype(jnp.uint8)
        for place, (name, shade) in enumerate(shades.items())
    }
    known = jnp.ones((16, 2), bool)
    return Fixture(
        Pm2Config(encoder="small", widths=(4,), features=8, hidden=()),
        # not Adam, which follows the sign of a gradient even where rounding alone leaves one
        TrainConfig(
            steps=8, batch=16, optimiser=OptimizerConfig("sgd", learning_rate=0.05, schedule="constant")
        ),
        Task(units=(1, 12), size=16, channels=3),
        {**pictures, "units": units, "units_known": known, "sex": jnp.arange(16, dtype=jnp.int32) % 2},
    )


FRAMEWORK = Framework(
    name="pm2",
    config=Pm2Config,
    build=build,
    make_step=make_step,
    predict=predict,
    fixture=fixture,
    answers="units",
    size=size,
    defaults=TrainConfig(
        steps=10_000, batch=32, optimiser=OptimizerConfig("adamw", learning_rate=1e-6, schedule="constant")
    ),
    start=start,
    data=Pm2Data,
    inputs=pm2_inputs,
)
