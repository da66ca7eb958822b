"""Published or earlier weights for networks to begin with."""

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


def load_initial_weights(net: nnx.Module, state: nnx.State, architecture: str, start: str) -> nnx.State:
    """Return the state of a net with the weights of a classifier or a published checkpoint.

    One layer may be of another shape, the head of other classes: it keeps its initial weights.

    Args:
        net: abstract or not.
        state: of the net, filled.
        architecture: the net's name in `ARCHITECTURES`.
        start: a classifier's name or folder, or a checkpoint file of the architecture.

    Raises:
        ConfigError: a classifier of another architecture, or nothing of this name.
        CheckpointError: a file that cannot be read, or more than one layer that does not fit.
    """
    arrays = _arrays(net, state, architecture, start)
    shapes = array_shapes(state)
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

    result = nnx.from_flat_state([(path, load_leaf(path, leaf)) for path, leaf in nnx.to_flat_state(state)])
    layers = {name.rpartition("/")[0] for name in mismatches}
    if len(layers) > 1:
        raise CheckpointError(
            f"{start} is no {architecture}: {len(mismatches)} arrays do not fit, such as "
            f"{', '.join(mismatches[:3])}"
        )
    return result


def _arrays(net: nnx.Module, state: nnx.State, architecture: str, start: str) -> Mapping[str, Any]:
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
    if layout is None or not array_shapes(state).keys().isdisjoint(tensors):
        return tensors
    return Translated(net, layout, tensors, start)
