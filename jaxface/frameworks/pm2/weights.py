"""Initial weights: of an earlier training, or published ones of the encoder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax import nnx

from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.frameworks.common.init_weights import load_initial_weights
from jaxface.frameworks.common.run_folder import RUN
from jaxface.frameworks.common.state import replace_subtree, subtree
from jaxface.frameworks.common.task import Task
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.encoders import ENCODERS

_NET = ("encoder", "net")


def initial_params(
    config: Pm2Config, task: Task, state: nnx.State, read_run: Callable[[Path], nnx.State]
) -> nnx.State:
    """Return the state with the weights that `config.start` names.

    Args:
        read_run: folder of a training -> the state of its networks.

    Raises:
        ConfigError: an encoder without published weights, or nothing of this name.
        CheckpointError: what does not fit.
        StoreError, TrainingError: the folder of a training that cannot be read.
    """
    if config.start is None:
        return state
    if (Path(config.start) / RUN).is_file():
        return transfer_params(state, read_run(Path(config.start)), config.start)
    entry = ENCODERS[config.encoder]
    if not entry.architecture:
        raise ConfigError(
            f"start = {config.start!r} is no training's folder, and the encoder {config.encoder!r} has no "
            "published weights"
        )
    net = nnx.eval_shape(lambda: entry.build(config, task.units, nnx.Rngs(0))).net
    weights = load_initial_weights(net, subtree(state, _NET), entry.architecture, config.start)
    return replace_subtree(state, _NET, weights)


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
