"""Trained exogenous networks from where they lie, and where they go in THIN's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import vgg
from jaxface.classify.weights import fill, flat_arrays
from jaxface.core.errors import CheckpointError
from jaxface.frameworks.common.framework import Task
from jaxface.frameworks.thin.config import UNTRAINED, ThinConfig
from jaxface.frameworks.thin.networks import ExogenousNetwork, exogenous_classes

_VGG = {"encoder": ("encoder", "vgg"), "top": ("head",)}  # part of VGG-16 -> where an exogenous network has it


def exogenous_states(
    config: ThinConfig, task: Task, trained: Callable[[Path], nnx.State]
) -> list[nnx.State | None]:
    """The state of each exogenous network that the config names; None where it is to stay untrained.

    Args:
        trained: what reads the folder of a training.
    Raises:
        CheckpointError: a file that is missing or does not fit.
        StoreError, TrainingError: a training's folder that cannot be read.
    """
    return [
        None if place == UNTRAINED else read_exogenous(config, task, classes, Path(place), trained)
        for classes, place in zip(exogenous_classes(config, task), config.exogenous_weights, strict=True)
    ]


def read_exogenous(
    config: ThinConfig, task: Task, classes: int, place: Path, trained: Callable[[Path], nnx.State]
) -> nnx.State:
    """The state of an `ExogenousNetwork`: a training's folder, its arrays' file, or VGGFace's checkpoint."""
    abstract = nnx.eval_shape(lambda: ExogenousNetwork(config, task, classes, rngs=nnx.Rngs(0)))
    if place.is_dir():
        return fill(nnx.state(abstract), flat_arrays(trained(place)), str(place))
    tensors = checkpoints.read(place)
    if config.encoder == "vgg16-face":
        return _read_vgg(classes, tensors, str(place))
    return fill(nnx.state(abstract), tensors, str(place))


def with_states(config: ThinConfig, state: nnx.State, exogenous: list[nnx.State | None]) -> nnx.State:
    """THIN's state with these exogenous networks, and, if the config says so, with the first one's encoder as
    the beginning of the endogenous one.

    Raises:
        CheckpointError: an untrained network to begin with.
    """
    trained = {
        ("exogenous", which, *path): leaf
        for which, each in enumerate(exogenous)
        if each is not None
        for path, leaf in nnx.to_flat_state(each)
    }
    if config.start_from_exogenous:
        if exogenous[0] is None:
            raise CheckpointError("start_from_exogenous has no trained network to begin with; name its weights")
        for path, leaf in nnx.to_flat_state(exogenous[0]):
            if path[0] == "encoder":  # in memory of its own: a step may give away what it trains
                trained["endogenous", *path[1:]] = leaf.replace(jnp.array(leaf[...]))
    return nnx.from_flat_state([(path, trained.get(path, leaf)) for path, leaf in nnx.to_flat_state(state)])


def _read_vgg(classes: int, tensors: Mapping[str, Any], origin: str) -> nnx.State:
    module = nnx.eval_shape(lambda: vgg.Vgg16(classes, rngs=nnx.Rngs(0)))
    return of_vgg(fill(nnx.state(module), Translated(module, vgg.TORCH, tensors, origin), origin))


def of_vgg(state: nnx.State) -> nnx.State:
    """VGG-16's state as an `ExogenousNetwork`'s: the convolutions are gamma_tau, the dense layers c_sigma."""
    return nnx.from_flat_state(
        [((*_VGG[str(path[0])], *path[1:]), leaf) for path, leaf in nnx.to_flat_state(state)]
    )
