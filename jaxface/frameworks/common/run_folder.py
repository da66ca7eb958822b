"""A training's folder: `run.toml` (settings and task), `environment.json`, `log.jsonl` (a line for each logged
step), `checkpoints/`, `best/`, and at the end the classifier itself: `card.toml` and its weights."""

import errno
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp

from jaxface.core import files, io, run_folder, sums
from jaxface.core.errors import StoreError, TrainingError, one_line
from jaxface.frameworks.common.log_writers import LogWriter

LOG, CHECKPOINTS, BEST = "log.jsonl", "checkpoints", "best"

_SPARE = 2**16  # bytes of a checkpoint beside its arrays

State = TypeVar("State")


def require_same_files(folder: Path) -> None:
    """Check that a finished training's files are as it left them.

    Raises:
        TrainingError: one is lost, has changed or was not there.
    """
    remedy = f"train in another folder, or remove its {sums.SUMS} to go on with what is there"
    sums.require_undamaged(folder, TrainingError, remedy)


def write_sums(folder: Path) -> None:
    """Sum up a finished training. A card may be edited, and has the sum of its weights."""
    sums.write_sums(folder, (run_folder.SETTINGS, LOG, CHECKPOINTS, BEST))


class Log:
    """`log.jsonl`: a JSON object a line, each with its `step`, none later than `begin` at first.

    Args:
        writers: get every line, too.
    """

    def __init__(self, folder: Path, begin: int, writers: Sequence[LogWriter] = ()) -> None:
        self._path = folder / LOG
        lines = [line for line in read_log(folder) if line["step"] <= begin]
        io.write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        self._writers = writers
        for writer in writers:
            writer.begin(begin)

    def write(self, step: int, **values: Any) -> None:
        """Add a line.

        Raises:
            OSError: the disk is full; the message says how to go on.
        """
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise _write_error(self._path, error) from None
        for writer in self._writers:
            writer.write(step, values)

    def close(self) -> None:
        """Close the writers."""
        for writer in self._writers:
            writer.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, [] where there is none; a line that a kill cut short is left out.

    Raises:
        StoreError: another line is no JSON object with a step.
    """
    path = folder / LOG
    if not os.path.lexists(path):
        return []
    rows = []
    text = files.read_text(path, StoreError, what="log of a training")
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not line.endswith("\n"):
            break
        try:
            row = files.parse_json(line, path, StoreError)
            if not isinstance(row["step"], int):
                raise TypeError
        except (StoreError, KeyError, TypeError):
            raise StoreError(f"{path}: line {number} is damaged; remove it, or the file, to go on") from None
        rows.append(row)
    return rows


def _write_error(path: Path, error: Exception) -> OSError:
    """Return the error of a file that cannot be written, whatever a library made of it."""
    number = error.errno if isinstance(error, OSError) and error.errno else errno.EIO
    reason = one_line((isinstance(error, OSError) and error.strerror) or error, 200)
    return OSError(
        number, f"cannot be written ({reason}); the same command goes on from the last checkpoint", str(path)
    )


class Checkpoints:
    """The newest few checkpoints in a folder; each appears complete or not at all.

    Args:
        keep: how many.
        clean: remove what killed processes left behind; for the process that holds the folder.

    Raises:
        TrainingError: the description of a checkpoint is damaged.
    """

    def __init__(self, folder: Path, keep: int = 2, *, clean: bool = False) -> None:
        # Orbax logs every step it takes, and each error with its traces, which are raised below in one line.
        logging.getLogger("absl").setLevel(logging.CRITICAL)
        self.folder = folder.absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, enable_async_checkpointing=False, create=True, cleanup_tmp_directories=clean
        )
        try:
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        except OSError:
            raise
        except Exception as error:  # Orbax reads the descriptions of all checkpoints
            raise TrainingError(
                f"the checkpoints in {self.folder} cannot be read ({one_line(error, 200)}); remove the "
                "damaged one's folder, or name another --out"
            ) from None

    def steps(self) -> list[int]:
        """Return the steps of which there are checkpoints, the oldest first."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: Any, notes: dict[str, Any]) -> None:
        """Write arrays, and notes that JSON can hold; delete checkpoints of later steps.

        Raises:
            OSError: the disk is full; the message says how to go on.
        """
        arrays = ocp.args.StandardSave(_leaves_by_path(state))
        text = ocp.args.JsonSave({"json": json.dumps(notes)})
        try:
            for later in self.steps():
                if later >= step:
                    self._manager.delete(later)
            # Orbax' threads and loops end untidily on a full disk.
            io.require_space(self.folder, _SPARE + sum(leaf.nbytes for leaf in jax.tree.leaves(state)))
            self._manager.save(step, args=ocp.args.Composite(state=arrays, notes=text))
        except Exception as error:  # what Orbax and TensorStore raise has no common name
            raise _write_error(self.folder / str(step), error) from None

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
            notes = dict(json.loads(checkpoint.notes["json"]))
        except Exception as error:  # what Orbax and TensorStore raise has no common name
            reason = one_line(error, 200)
            raise TrainingError(
                f"the checkpoint of step {step} in {self.folder} cannot be read ({reason}); remove its folder "
                "to go on from the one before, or name another --out"
            ) from None
        state = jax.tree_util.tree_map_with_path(
            lambda path, leaf: checkpoint.state.get(_name(path), leaf), like
        )
        return state, notes

    def close(self) -> None:
        """Close the folder."""
        self._manager.close()


def _leaves_by_path(tree: Any) -> dict[str, Any]:
    """Return the leaves of a pytree by their paths, without empty ones, which Orbax refuses."""
    return {_name(path): leaf for path, leaf in jax.tree.leaves_with_path(tree) if leaf.size}


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
