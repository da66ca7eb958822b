"""A training's folder: `run.toml` (settings and task), `environment.json`, `log.jsonl` (a line for each logged
step), `checkpoints/`, `best/`, and at the end the classifier itself: `card.toml` and its weights."""

import json
import logging
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp

from jaxface.core import io
from jaxface.core.errors import TrainingError

LOG, CHECKPOINTS, BEST = "log.jsonl", "checkpoints", "best"

State = TypeVar("State")


class Log:
    """`log.jsonl`: a JSON object a line, each with its `step`, none later than `begin` at first."""

    def __init__(self, folder: Path, begin: int) -> None:
        self._path = folder / LOG
        lines = [line for line in read_log(folder) if line["step"] <= begin]
        io.write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))

    def write(self, step: int, **values: Any) -> None:
        """Add a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, [] where there is none; a line that a kill cut short is left out."""
    path = folder / LOG
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


class Checkpoints:
    """The newest few checkpoints in a folder; each appears complete or not at all.

    Args:
        keep: how many.
        clean: remove what killed processes left behind; for the process that holds the folder.
    """

    def __init__(self, folder: Path, keep: int = 2, *, clean: bool = False) -> None:
        logging.getLogger("absl").setLevel(logging.WARNING)  # Orbax logs every step it takes
        self.folder = folder.absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, enable_async_checkpointing=False, create=True, cleanup_tmp_directories=clean
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def steps(self) -> list[int]:
        """Return the steps of which there are checkpoints, the oldest first."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: Any, notes: dict[str, Any]) -> None:
        """Write arrays, and notes that JSON can hold; delete checkpoints of later steps."""
        for later in self.steps():
            if later >= step:
                self._manager.delete(later)
        arrays = ocp.args.StandardSave(_leaves_by_path(state))
        text = ocp.args.JsonSave({"json": json.dumps(notes)})
        self._manager.save(step, args=ocp.args.Composite(state=arrays, notes=text))

    def restore(self, step: int, like: State) -> tuple[State, dict[str, Any]]:
        """Return the state of one step, on the devices of `like`, and its notes.

        Raises:
            TrainingError: a checkpoint that is damaged, or of another network.
        """
        shapes = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding),
            _leaves_by_path(like),
        )
        args = ocp.args.Composite(state=ocp.args.StandardRestore(shapes), notes=ocp.args.JsonRestore())
        try:
            checkpoint = self._manager.restore(step, args=args)
        except Exception as error:  # what Orbax and TensorStore raise has no common name
            reason = " ".join(str(error).split())[:200]
            raise TrainingError(
                f"the checkpoint of step {step} in {self.folder} cannot be read ({reason}); remove its folder "
                "to go on from the one before, or name another --out"
            ) from None
        state = jax.tree_util.tree_map_with_path(
            lambda path, leaf: checkpoint.state.get(_name(path), leaf), like
        )
        return state, json.loads(checkpoint.notes["json"])

    def close(self) -> None:
        """Close the folder."""
        self._manager.close()


def _leaves_by_path(tree: Any) -> dict[str, Any]:
    """Return the leaves of a pytree by their paths, without empty ones, which Orbax refuses."""
    return {_name(path): leaf for path, leaf in jax.tree.leaves_with_path(tree) if leaf.size}


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
