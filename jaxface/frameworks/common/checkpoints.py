"""Checkpoints through Orbax: the state of training, the position in the input, and the state of the loop."""

import json
import logging
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp

from jaxface.core.errors import TrainingError

State = TypeVar("State")


class Checkpoints:
    """The newest few checkpoints in a folder; each appears complete or not at all.

    Args:
        folder: created if need be.
        keep: how many of them stay.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        logging.getLogger("absl").setLevel(logging.WARNING)  # Orbax logs every step it takes
        self.folder = folder.absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, enable_async_checkpointing=False, create=True)
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def steps(self) -> list[int]:
        """Return the steps of which there are checkpoints, the oldest first."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: Any, notes: dict[str, Any]) -> None:
        """Write a checkpoint; delete those of the same or a later step, from before training was set back.

        Args:
            state: a pytree of arrays.
            notes: what JSON can hold.
        """
        for later in self.steps():
            if later >= step:
                self._manager.delete(later)
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_leaves_by_path(state)),
                notes=ocp.args.JsonSave({"json": json.dumps(notes)}),
            ),
        )

    def restore(self, step: int, like: State) -> tuple[State, dict[str, Any]]:
        """Return the state of one step, on the devices of `like`, and its notes.

        Raises:
            TrainingError: a checkpoint that is damaged, or of another network.
        """
        shapes = {
            name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)
            for name, leaf in _leaves_by_path(like).items()
        }
        try:
            checkpoint = self._manager.restore(
                step,
                args=ocp.args.Composite(state=ocp.args.StandardRestore(shapes), notes=ocp.args.JsonRestore()),
            )
        except Exception as error:  # what Orbax and TensorStore raise has no common name
            reason = " ".join(str(error).split())[:200]
            raise TrainingError(
                f"the checkpoint of step {step} in {self.folder} cannot be read ({reason}); remove its folder "
                "to go on from the one before, or name another --out"
            ) from None
        leaves, structure = jax.tree.flatten(like)
        names = _leaf_paths(like)
        leaves_now = [checkpoint.state.get(name, leaf) for name, leaf in zip(names, leaves, strict=True)]
        return jax.tree.unflatten(structure, leaves_now), json.loads(checkpoint.notes["json"])

    def close(self) -> None:
        """Close the folder."""
        self._manager.close()


def _leaves_by_path(tree: Any) -> dict[str, Any]:
    """Return the leaves of a pytree by their paths, without empty ones, which Orbax refuses."""
    return {
        name: leaf for name, leaf in zip(_leaf_paths(tree), jax.tree.leaves(tree), strict=True) if leaf.size
    }


def _leaf_paths(tree: Any) -> list[str]:
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
