"""What training begins with instead of drawn numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax import nnx

from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.frameworks.common.framework import Task
from jaxface.frameworks.common.init_weights import load_initial_weights
from jaxface.frameworks.common.record import RUN
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.encoders import ENCODERS

_NET = ("encoder", "net")


def begun(config: Pm2Config, task: Task, state: nnx.State, trained: Callable[[Path], nnx.State]) -> nnx.State:
    """The state with what `config.start` names.

    Args:
        trained: folder of a training -> the state of its networks.

    Raises:
        ConfigError: an encoder without published weights, or nothing of this name.
        CheckpointError: what does not fit.
        StoreError, TrainingError: the folder of a training that cannot be read.
    """
    if config.start is None:
        return state
    if (Path(config.start) / RUN).is_file():
        return carried(state, trained(Path(config.start)), config.start)
    entry = ENCODERS[config.encoder]
    if not entry.architecture:
        raise ConfigError(
            f"start = {config.start!r} is no training's folder, and the encoder {config.encoder!r} has no "
            "published weights"
        )
    net = nnx.eval_shape(lambda: entry.build(config, task.units, nnx.Rngs(0))).net
    flat = dict(nnx.to_flat_state(state))
    inside = nnx.from_flat_state([(path[2:], leaf) for path, leaf in flat.items() if path[:2] == _NET])
    filled = load_initial_weights(net, inside, entry.architecture, config.start)
    flat |= {(*_NET, *path): leaf for path, leaf in nnx.to_flat_state(filled)}
    return nnx.from_flat_state(list(flat.items()))


def carried(state: nnx.State, other: nnx.State, origin: str) -> nnx.State:
    """The state with the numbers of another one of the same encoder and classifiers.

    What only one of them has, a discriminator, stays as it was drawn.

    Raises:
        CheckpointError: other networks, or classifiers of other action units.
    """
    theirs = dict(nnx.to_flat_state(other))

    def numbers(path: tuple[Any, ...], leaf: Any) -> Any:
        if path[0] == "discriminator":
            return leaf
        if path not in theirs:
            raise CheckpointError(f"{origin} has no {'/'.join(map(str, path))!r}; name one of the same encoder")
        found = theirs[path][...]
        if found.shape != leaf[...].shape:
            raise CheckpointError(
                f"{origin} has {'/'.join(map(str, path))!r} of shape {found.shape}, wanted {leaf[...].shape}: "
                "train both for the same action units (the same data.source and data.target) and config"
            )
        return leaf.replace(jnp.array(found))  # memory of its own: a step may give away what it trains

    return nnx.from_flat_state([(path, numbers(path, leaf)) for path, leaf in nnx.to_flat_state(state)])
