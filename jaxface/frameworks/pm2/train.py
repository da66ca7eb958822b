"""PM2's framework: what is built, trained and predicted; and its cross-validation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.core.config import from_dict
from jaxface.core.errors import CheckpointError, ConfigError, DataError
from jaxface.core.run_folder import SETTINGS, read_settings
from jaxface.core.sharding import mesh_for
from jaxface.core.types import Array
from jaxface.frameworks.common.config import Task, TrainConfig
from jaxface.frameworks.common.evaluation import compute_metrics, predict_dataset
from jaxface.frameworks.common.framework import Framework, Step, programs
from jaxface.frameworks.common.images import cast_like, imagenet_normalize
from jaxface.frameworks.common.init_weights import load_initial_weights
from jaxface.frameworks.common.inputs import TrainInputs
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.pm2 import steps
from jaxface.frameworks.pm2.config import TABLES, Pm2Config
from jaxface.frameworks.pm2.inputs import Pm2Data, open_domains
from jaxface.frameworks.pm2.networks import ENCODERS, Detector, combine_logits


class Pm2Framework(Framework):
    """PM2 and its baselines, on the column `units` of a source, pairs of avatars, and an unlabelled target."""

    name = "pm2"
    config, defaults, data = TABLES
    network = Detector
    output = "units"

    def image_size(self, config: Pm2Config) -> int:
        return ENCODERS[config.encoder].size

    def initialize(self, config: Pm2Config, task: Task, state: nnx.State) -> nnx.State:
        """Load what `config.start` names.

        Raises:
            ConfigError: an encoder without published weights, or nothing of this name.
            CheckpointError: what does not fit.
            StoreError, TrainingError: the folder of a training that cannot be read.
        """
        if config.start is None:
            return state
        if (Path(config.start) / SETTINGS).is_file():
            return transfer_params(state, restore(Path(config.start), self).result.state, config.start)
        entry = ENCODERS[config.encoder]
        if not entry.architecture:
            raise ConfigError(
                f"start = {config.start!r} is no training's folder, and the encoder {config.encoder!r} has no "
                "published weights"
            )
        net = nnx.eval_shape(lambda: entry.build(config, task.units, nnx.Rngs(0))).net
        return load_initial_weights(state, ("encoder", "net"), net, entry.architecture, config.start)

    def open_inputs(self, config: Pm2Config, data: Pm2Data, train: TrainConfig, seed: int) -> TrainInputs:
        return open_domains(config, data, train, seed)

    def make_step(self, config: Pm2Config, task: Task, train: TrainConfig, graphdef: nnx.GraphDef) -> Step:
        return steps.make_step(config, train, graphdef)

    def predict(self, config: Pm2Config, task: Task, module: Detector, images: Array) -> Array:
        """Return logits (B, U) of the mean of both classifiers' probabilities (Eq. 10), of images in [0, 1]."""
        features = module.encoder(cast_like(imagenet_normalize(images), module.first))
        first, second = (logits.astype(jnp.float32) for logits in module.classify(features))
        return combine_logits(first, second)


def transfer_params(state: nnx.State, other: nnx.State, origin: str) -> nnx.State:
    """Return the state with the parameters of another one of the same encoder and classifiers.

    A discriminator, which only one of them may have, keeps its initial weights.

    Raises:
        CheckpointError: other networks, or classifiers of other action units.
    """
    leaves = dict(nnx.to_flat_state(other))

    def transfer(path: tuple[Any, ...], leaf: Any) -> Any:
        if path[0] == "discriminator":
            return leaf
        if path not in leaves:
            raise CheckpointError(f"{origin} has no {'/'.join(map(str, path))!r}; name one of the same encoder")
        array = leaves[path][...]
        if array.shape != leaf[...].shape:
            raise CheckpointError(
                f"{origin} has {'/'.join(map(str, path))!r} of shape {array.shape}, wanted {leaf[...].shape}: "
                "train both for the same action units (the same data.source and data.target) and config"
            )
        return leaf.replace(jnp.array(array))  # a copy: a step donates what it trains

    return nnx.from_flat_state([(path, transfer(path, leaf)) for path, leaf in nnx.to_flat_state(state)])


FRAMEWORK = Pm2Framework()

Fold = tuple[np.ndarray, Mapping[str, np.ndarray]]
"""Logits (N, U) of one fold's people, and their columns, (N, ...) each."""


def evaluate_folds(folders: Sequence[str | Path]) -> dict[str, float]:
    """Return the metrics of the trainings in these folders, over the frames of all folds together.

    Each network predicts what its own training held out: `data.validation`, such as a fold's test part.

    Raises:
        DataError: a training held nothing out, or they have different action units.
        StoreError: a folder holds no training of this framework.
    """
    folds: list[Fold] = []
    task: Task | None = None
    for folder in map(Path, folders):
        run, settings = restore(folder, FRAMEWORK), read_settings(folder, "training")
        table = {name: value for name, value in settings["data"].items() if name not in ("examples", "content")}
        data = from_dict(Pm2Data, table)
        validation = FRAMEWORK.open_inputs(run.model, data, run.train, settings["seed"]).validation
        if validation is None:
            raise DataError(f"{folder} held no people out; train it with data.validation, such as split=test")
        if task is not None and task.units != run.task.units:
            raise DataError(
                f"{folder} has the units {list(run.task.units)}, another one {list(task.units)}: must be "
                "the same"
            )
        task = run.task
        predict, batch = programs(FRAMEWORK, run.model, task, run.train).predict, run.train.batch
        logits = predict_dataset(
            predict, run.result.state, validation, batch, size=task.size, mesh=mesh_for(batch)
        )
        folds.append((logits, validation.columns))
    if task is None:
        raise DataError("no folder of a training was named")
    return pool_folds(task, folds)


def pool_folds(task: Task, folds: Sequence[Fold]) -> dict[str, float]:
    """Return metrics of all folds' frames, not their mean: a unit may be rare in one of them."""
    names = [name for name in ("units", "units_known", "sex") if all(name in columns for _, columns in folds)]
    columns = {name: np.concatenate([columns[name] for _, columns in folds]) for name in names}
    return compute_metrics(task, "units", np.concatenate([logits for logits, _ in folds]), columns)
