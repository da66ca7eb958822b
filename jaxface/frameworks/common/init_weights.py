"""Weights to begin with, published or of an earlier training, and parts of a state."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from flax import nnx

from jaxface.classify import checkpoints, load
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.checkpoints.state_dict import Translated
from jaxface.classify.registry import names
from jaxface.classify.weights import array_shapes, check_array, flat_arrays
from jaxface.core.errors import CheckpointError, ConfigError

Prefix = tuple[Any, ...]
"""The path to a part of a state, such as ("encoder", "net")."""


def subtree(state: nnx.State, prefix: Prefix) -> nnx.State:
    """Return the part of a state below a path."""
    depth = len(prefix)
    return nnx.from_flat_state(
        [(path[depth:], leaf) for path, leaf in nnx.to_flat_state(state) if path[:depth] == prefix]
    )


def replace_subtree(state: nnx.State, prefix: Prefix, new: nnx.State) -> nnx.State:
    """Return the state with the leaves of `new` below a path; leaves that `new` does not have stay."""
    leaves = {(*prefix, *path): leaf for path, leaf in nnx.to_flat_state(new)}
    return nnx.from_flat_state([(path, leaves.get(path, leaf)) for path, leaf in nnx.to_flat_state(state)])


def load_initial_weights(
    state: nnx.State, prefix: Prefix, net: nnx.Module, architecture: str, start: str
) -> nnx.State:
    """Return a state whose part below `prefix`, a net, has a classifier's or published weights.

    One layer may be of another shape, the head of other classes: it keeps its initial weights.

    Args:
        net: abstract or not.
        architecture: the net's name in `ARCHITECTURES`.
        start: a classifier's name or folder, or a checkpoint file of the architecture.

    Raises:
        ConfigError: a classifier of another architecture, or nothing of this name.
        CheckpointError: a file that cannot be read, or more than one layer that does not fit.
    """
    net_state = subtree(state, prefix)
    shapes = array_shapes(net_state)
    arrays = _arrays(net, shapes, architecture, start)
    missing = sorted(shapes.keys() - arrays.keys())
    if missing:
        raise CheckpointError(f"{start} has no {missing[0]!r}, which {architecture} needs")
    mismatches: list[str] = []

    def load_leaf(path: tuple[Any, ...], leaf: Any) -> Any:
        name = "/".join(map(str, path))
        try:
            return leaf.replace(jax.device_put(check_array(arrays[name], name, shapes[name], start)))
        except CheckpointError:
            mismatches.append(name)
            return leaf

    leaves = [(path, load_leaf(path, leaf)) for path, leaf in nnx.to_flat_state(net_state)]
    if len({name.rpartition("/")[0] for name in mismatches}) > 1:
        raise CheckpointError(
            f"{start} is no {architecture}: {len(mismatches)} arrays do not fit, such as "
            f"{', '.join(mismatches[:3])}"
        )
    return replace_subtree(state, prefix, nnx.from_flat_state(leaves))


def _arrays(
    net: nnx.Module, shapes: Mapping[str, tuple[int, ...]], architecture: str, start: str
) -> Mapping[str, Any]:
    """Read the arrays of `start`, by their names in jaxface."""
    path = Path(start)
    if start in names() or path.is_dir():
        classifier = load(start)
        if classifier.card.architecture != architecture:
            raise ConfigError(
                f"start = {start!r} is of the architecture {classifier.card.architecture!r}; it must "
                f"be {architecture!r}"
            )
        return flat_arrays(classifier.state)
    if not path.is_file():
        raise ConfigError(f"start = {start!r} is neither a classifier's name nor a folder or file")
    tensors = checkpoints.read(path)
    layout = ARCHITECTURES[architecture].torch
    if layout is None or not shapes.keys().isdisjoint(tensors):
        return tensors
    return Translated(net, layout, tensors, start)
