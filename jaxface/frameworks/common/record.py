"""A training's folder: what it was told to do, where it ran, and its log.

`run.toml` (settings and task), `environment.json`, `log.jsonl` (a line a look at it), `checkpoints/`, `best/`,
and at
the end the classifier itself: `card.toml` and its weights.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from jaxface.core import io, runtime
from jaxface.core.errors import StoreError

RUN, ENVIRONMENT, LOG = "run.toml", "environment.json", "log.jsonl"
CHECKPOINTS, BEST = "checkpoints", "best"


def open_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder of a training, or see that it is of the same one.

    Args:
        settings: all that its numbers depend on, as TOML knows it; without None.

    Raises:
        StoreError: the folder belongs to another training (each difference is named), or cannot be written.
    """
    path = folder / RUN
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; a training wants a folder")
    if not path.is_file():
        try:
            io.write_text(path, tomli_w.dumps(dict(settings)))
            io.write_text(folder / ENVIRONMENT, json.dumps(runtime.environment(), indent=2) + "\n")
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from None
        return
    found, wanted = _flat(read_settings(folder)), _flat(tomllib.loads(tomli_w.dumps(dict(settings))))
    keys = [key for key in sorted(found | wanted) if found.get(key) != wanted.get(key)]
    if keys:
        said = "; ".join(f"{key} was {found.get(key)!r}, is now {wanted.get(key)!r}" for key in keys)
        raise StoreError(f"{folder} belongs to another training ({said}); name another folder or remove it")


def read_settings(folder: Path) -> dict[str, Any]:
    """What a training was told to do.

    Raises:
        StoreError: no `run.toml`, or one that cannot be read.
    """
    path = folder / RUN
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{folder} holds no {RUN}; name the folder of a training (its --out)") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}; name another folder") from None


class Log:
    """`log.jsonl`: one JSON object a line, each with its `step`.

    Args:
        begin: lines of later steps, from before training was set back, are dropped.
    """

    def __init__(self, folder: Path, begin: int) -> None:
        self._path = folder / LOG
        kept = [line for line in read_log(folder) if line["step"] <= begin]
        io.write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, step: int, **values: Any) -> None:
        """Add a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a log; () where there is none yet. A line that a kill cut short is left out."""
    path = folder / LOG
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat
