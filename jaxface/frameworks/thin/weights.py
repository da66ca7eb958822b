"""Trained exogenous networks: read from a folder or file, and inserted into THIN's state."""

from pathlib import Path

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify import checkpoints
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.nets import vgg
from jaxface.classify.weights import fill, flat_arrays
from jaxface.core.errors import CheckpointError
from jaxface.frameworks.common.framework import Framework
from jaxface.frameworks.common.init_weights import replace_subtree, subtree
from jaxface.frameworks.common.task import Task
from jaxface.frameworks.common.training import restore
from jaxface.frameworks.thin.config import ThinConfig
from jaxface.frameworks.thin.networks import ExogenousNetwork

_VGG_PATHS = {"encoder": ("encoder", "vgg"), "top": ("head",)}  # part of VGG-16 -> path in an exogenous network


def read_exogenous(framework: Framework, config: ThinConfig, task: Task, classes: int, path: Path) -> nnx.State:
    """Read an `ExogenousNetwork`'s state: of a training's folder, arrays, or VGGFace's checkpoint.

    Raises:
        CheckpointError: a file that is missing or does not fit.
        StoreError, TrainingError: a training's folder that cannot be read.
    """
    abstract = nnx.eval_shape(lambda: ExogenousNetwork(config, task, classes, rngs=nnx.Rngs(0)))
    if path.is_dir():
        return fill(nnx.state(abstract), flat_arrays(restore(path, framework).result.state), str(path))
    tensors = checkpoints.read(path)
    if config.encoder == "vgg16-face":
        net = nnx.eval_shape(lambda: vgg.Vgg16(classes, rngs=nnx.Rngs(0)))
        return of_vgg(fill(nnx.state(net), Translated(net, vgg.TORCH, tensors, str(path)), str(path)))
    return fill(nnx.state(abstract), tensors, str(path))


def insert_exogenous(config: ThinConfig, state: nnx.State, exogenous: list[nnx.State | None]) -> nnx.State:
    """Return THIN's state with these exogenous networks; None = untrained.

    With `start_from_exogenous`, the endogenous encoder becomes a copy of the first one's, and
    CheckpointError is raised if that is untrained.
    """
    for index, network in enumerate(exogenous):
        if network is not None:
            state = replace_subtree(state, ("exogenous", index), network)
    if config.start_from_exogenous:
        if exogenous[0] is None:
            raise CheckpointError("start_from_exogenous has no trained network to copy; name its weights")
        # A copy: a step donates what it trains.
        encoder = jax.tree.map(jnp.array, subtree(exogenous[0], ("encoder",)))
        state = replace_subtree(state, ("endogenous",), encoder)
    return state


def of_vgg(state: nnx.State) -> nnx.State:
    """Turn VGG-16's state into an `ExogenousNetwork`'s: convolutions are gamma_tau, dense layers c_sigma."""
    return nnx.from_flat_state(
        [((*_VGG_PATHS[str(path[0])], *path[1:]), leaf) for path, leaf in nnx.to_flat_state(state)]
    )
