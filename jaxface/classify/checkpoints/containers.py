"""Find the state dict in a checkpoint: training scripts wrap it in dictionaries, or save the whole module."""

from collections.abc import Mapping
from typing import Any

from jaxface.classify.checkpoints.torch_pickle import StandIn
from jaxface.core.errors import CheckpointError

_NAMES = ("ema", "model_ema", "model_state_dict", "state_dict", "net", "model")
"""In the order of preference: authors test the averaged copy (EMA), where there is one."""

_LAYERS_MOST = 10_000
_LONGEST_PATH = 1000  # characters; a module that holds itself has no end
_DEEPEST = 3  # containers inside containers


def find_state_dict(content: Any, origin: str) -> dict[str, Any]:
    """Find the state dict in the content of a checkpoint file.

    Args:
        loaded: nested dictionaries, arrays (anything with a shape) and stand-ins of modules.
        origin: the file, for messages.
    Raises:
        CheckpointError: there is none; the message lists the content.
    """
    tensors = _search(content, _DEEPEST)
    if tensors:
        return tensors
    if isinstance(content, Mapping):
        if "param_groups" in content:
            raise CheckpointError(
                f"{origin} contains the state of an optimizer, not of a network (as the 'best' files of "
                "POSTER_V2's script do); use the checkpoint beside it"
            )
        keys = ", ".join(repr(str(key)[:40]) for key in list(content)[:6])
        raise CheckpointError(
            f"{origin} contains no state dict: {keys}; must be tensors, a module, or one of {', '.join(_NAMES)}"
        )
    raise CheckpointError(f"{origin} contains a {type(content).__name__}, must be a state dict")


def _search(content: Any, depth: int) -> dict[str, Any]:
    if isinstance(content, StandIn):
        return _parameters(content)
    if not isinstance(content, Mapping):
        return {}
    for name in _NAMES if depth else ():
        if name in content and (tensors := _search(content[name], depth - 1)):
            return tensors
    return {key: value for key, value in content.items() if isinstance(key, str) and hasattr(value, "shape")}


def _parameters(module: StandIn) -> dict[str, Any]:
    """The state dict of a pickled module, from the states of its layers."""
    tensors: dict[str, Any] = {}
    waiting, count = [("", module)], 0
    while waiting:
        prefix, layer = waiting.pop()
        count += 1
        if count > _LAYERS_MOST or len(prefix) > _LONGEST_PATH:
            raise CheckpointError("a module of more layers than any network has")
        for kind in ("_parameters", "_buffers"):
            for name, value in _members(layer, kind):
                if hasattr(value, "shape"):
                    tensors[f"{prefix}{name}"] = value
        inner = [(f"{prefix}{name}.", child) for name, child in _members(layer, "_modules")]
        waiting += [(name, child) for name, child in inner if isinstance(child, StandIn)]
    return tensors


def _members(layer: StandIn, kind: str) -> list[tuple[str, Any]]:
    members = layer.state.get(kind)
    if not isinstance(members, Mapping):
        return []
    return [(name, value) for name, value in members.items() if isinstance(name, str)]
