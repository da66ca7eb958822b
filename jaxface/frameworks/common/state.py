"""Surgery on `nnx.State`: read and replace a part by the path that leads to it."""

from typing import Any

from flax import nnx

Path = tuple[Any, ...]


def subtree(state: nnx.State, prefix: Path) -> nnx.State:
    """Return the part of a state below a path, such as ("encoder", "net")."""
    depth = len(prefix)
    return nnx.from_flat_state(
        [(path[depth:], leaf) for path, leaf in nnx.to_flat_state(state) if path[:depth] == prefix]
    )


def replace_subtree(state: nnx.State, prefix: Path, new: nnx.State) -> nnx.State:
    """Return the state with the leaves of `new` below a path; leaves that `new` does not have stay."""
    leaves = {(*prefix, *path): leaf for path, leaf in nnx.to_flat_state(new)}
    return nnx.from_flat_state([(path, leaves.get(path, leaf)) for path, leaf in nnx.to_flat_state(state)])
