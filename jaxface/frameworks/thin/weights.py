"""Trained exogenous networks from where they lie, and where they go in THIN's state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import vgg
from jaxface.classify.weights import fill, flat_arrays, write_safetensors
from jaxface.core.errors import CheckpointError
from jaxface.frameworks.common.framework import Task
from jaxface.frameworks.thin.config import UNTRAINED, ThinConfig
from jaxface.frameworks.thin.networks import ExogenousNetwork, exogenous_classes

WEIGHTS_FILE = "weights.safetensors"

_VGG = {"encoder": ("encoder", "vgg"), "top": ("head",)}  # part of VGG-16 -> where an exogenous network has it


def exogenous_states(config: ThinConfig, task: Task) -> list[nnx.State | None]:
    """The state of each exogenous network that the config names; None where it is to stay untrained.

    Raises:
        CheckpointError: a file that is missing or does not fit.
        StoreError, TrainingError: a training's folder that cannot be read.
    """
    return [
        None if place == UNTRAINED else read_exogenous(config, task, classes, Path(place))
        for classes, place in zip(exogenous_classes(config, task), config.exogenous_weights, strict=True)
    ]


def read_exogenous(config: ThinConfig, task: Task, which: int, place: Path) -> nnx.State:
    """The state of an `ExogenousNetwork`, from a folder or file of ours, or from VGGFace's checkpoint."""
    path = place / WEIGHTS_FILE if place.is_dir() else place
    tensors = checkpoints.read(path)
    if config.encoder == "vgg16-face":
        return _read_vgg(exogenous_classes(config, task)[which], tensors, str(path))
    abstract = nnx.eval_shape(lambda: ExogenousNetwork(config, task, which, rngs=nnx.Rngs(0)))
    return fill(nnx.state(abstract), tensors, str(path))


def write_exogenous(state: nnx.State, folder: str | Path) -> Path:
    """Write a trained exogenous network for `exogenous_weights`; returns the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / WEIGHTS_FILE, flat_arrays(state))
    return folder


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
