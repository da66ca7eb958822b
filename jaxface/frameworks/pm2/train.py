"""PM2's framework: what is built, trained and predicted."""

from pathlib import Path
from typing import cast

import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array
from jaxface.frameworks.common.config import OptimizerConfig, TrainConfig
from jaxface.frameworks.common.framework import Framework, Step
from jaxface.frameworks.common.images import cast_like, imagenet_normalize
from jaxface.frameworks.common.inputs import TrainInputs
from jaxface.frameworks.common.task import Task
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.pm2 import steps
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.encoders import ENCODERS
from jaxface.frameworks.pm2.inputs import Pm2Data, open_domains
from jaxface.frameworks.pm2.networks import Detector, combine_logits
from jaxface.frameworks.pm2.weights import initial_params


class Pm2Framework(Framework):
    """PM2 and its baselines, on the column `units` of a source, pairs of avatars, and an unlabelled target."""

    name = "pm2"
    config = Pm2Config
    output = "units"
    data = Pm2Data
    defaults = TrainConfig(
        steps=10_000, batch=32, optimizer=OptimizerConfig("adamw", learning_rate=1e-6, schedule="constant")
    )

    def image_size(self, config: Pm2Config) -> int:
        """Return the size of the encoder's faces."""
        return ENCODERS[config.encoder].size

    def build(self, config: Pm2Config, task: Task, rngs: nnx.Rngs) -> Detector:
        """Build the networks, whichever the method."""
        return Detector(config, task, rngs=rngs)

    def initialize(self, config: Pm2Config, task: Task, state: nnx.State) -> nnx.State:
        """Load what `config.start` names; raises as `weights.initial_params`."""

        def read_run(folder: Path) -> nnx.State:
            return restore(folder, self).result.state

        return initial_params(config, task, state, read_run)

    def open_inputs(self, config: Pm2Config, data: Pm2Data, train: TrainConfig, seed: int) -> TrainInputs:
        """Open the domains that the method needs."""
        return open_domains(config, data, train, seed)

    def make_step(self, config: Pm2Config, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
        """Return the method's step: one loss, or three in turn."""
        return steps.make_step(config, train, graphdef)

    def predict(self, config: Pm2Config, task: Task, module: nnx.Module, images: Array) -> Array:
        """Return logits (B, U) of the mean of both classifiers' probabilities (Eq. 10), of images in [0, 1]."""
        detector = cast(Detector, module)
        features = detector.encoder(cast_like(imagenet_normalize(images), detector.first))
        first, second = (logits.astype(jnp.float32) for logits in detector.classify(features))
        return combine_logits(first, second)


FRAMEWORK = Pm2Framework()
