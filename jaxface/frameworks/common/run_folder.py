"""A training's folder: `run.toml` (settings and task), `environment.json`, `log.jsonl` (a line for each logged
step), `checkpoints/`, `best/`, and at the end the classifier itself: `card.toml` and its weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxface.core import io, run_folder

RUN, LOG = run_folder.SETTINGS, "log.jsonl"
CHECKPOINTS, BEST = "checkpoints", "best"


def open_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder of a training, or check that it belongs to the same one.

    Args:
        settings: all that its numbers depend on, as TOML knows it.

    Raises:
        StoreError: the folder belongs to another training (each difference is listed), or cannot be written.
    """
    run_folder.claim(folder, settings, "training")
    run_folder.note_environment(folder)


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of a training.

    Raises:
        StoreError: no `run.toml`, or one that cannot be read.
    """
    return run_folder.read_settings(folder, "training")


class Log:
    """`log.jsonl`: one JSON object a line, each with its `step`.

    Args:
        begin: drop lines of later steps, from before training was set back.
    """

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
