"""The folder of a run: its settings, its environment, and the rule that both belong to one run.

Audits, trainings and observations all claim their folder here, so that resuming behaves and reads alike.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from jaxface.core import files, io, runtime
from jaxface.core.errors import StoreError

SETTINGS, ENVIRONMENT = "run.toml", "environment.json"

_COMPARED = ("versions", "devices", "commit")
"""Keys of the environment that results may depend on."""


def claim(folder: Path, settings: Mapping[str, Any], kind: str, file: str = SETTINGS) -> None:
    """Make the folder of a run, or check that it belongs to a run of the same settings.

    Args:
        settings: all that the run's numbers depend on, as TOML knows it; None is left out.
        kind: for messages, such as "audit".
        file: where the settings are kept.

    Raises:
        StoreError: the folder belongs to other settings (each difference is listed), or cannot be written.
    """
    check(folder, settings, kind, file)
    if not (folder / file).is_file():
        write_settings(folder, settings, file)


def check(folder: Path, settings: Mapping[str, Any], kind: str, file: str = SETTINGS) -> None:
    """Check that a folder is free, or belongs to a run of the same settings; write nothing.

    Raises:
        StoreError: as `claim`.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; name a folder for the {kind}")
    if not (folder / file).is_file():
        return
    changes = difference(read_settings(folder, kind, file), _without_none(settings))
    if changes:
        raise StoreError(f"{folder} belongs to another {kind} ({changes}); name another folder or remove it")


def read_settings(folder: Path, kind: str, file: str = SETTINGS) -> dict[str, Any]:
    """Return the settings of the run in a folder.

    Raises:
        StoreError: the folder has none, or they are damaged.
    """
    if not os.path.lexists(folder / file):
        raise StoreError(f"{folder} holds no {file}; name the folder of a {kind} (its --out)")
    return files.read_toml(folder / file, StoreError, what=f"record of a {kind}")


def write_settings(folder: Path, settings: Mapping[str, Any], file: str = SETTINGS) -> None:
    """Write the settings of a run, replacing those in the folder.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        io.write_text(folder / file, tomli_w.dumps(_without_none(settings)))
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{folder} cannot be written: {reason}; name another folder") from None


def note_environment(folder: Path) -> None:
    """Record where a run began, and under `resumed` where it continued if that differs.

    Results may then differ too.

    Raises:
        StoreError: the record cannot be read or written.
    """
    path, now = folder / ENVIRONMENT, runtime.environment()
    record = now
    if os.path.lexists(path):
        record = read_environment(folder)
        latest = [record, *record.get("resumed", [])][-1]
        if all(latest.get(key) == now[key] for key in _COMPARED):
            return
        record.setdefault("resumed", []).append(now)
    try:
        io.write_text(path, json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from None


def read_environment(folder: Path) -> dict[str, Any]:
    """Return what `note_environment` recorded.

    Raises:
        StoreError: there is no such record, or it is damaged.
    """
    path = folder / ENVIRONMENT
    record = files.read_json(path, StoreError, what="record of an environment")
    if not isinstance(record, dict) or not all(
        isinstance(entry, dict) for entry in _as_list(record.get("resumed", []))
    ):
        raise StoreError(f"{path} is damaged: it is no record of an environment; remove it to go on")
    return record


def _as_list(value: Any) -> list[Any]:
    """Return a list as it is, and anything else as a list that holds no record."""
    return value if isinstance(value, list) else [None]


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe each key whose value differs: "seed was 1, is now 2; ..."; "" where nothing does."""
    old, new = _flatten(before), _flatten(now)
    keys = [key for key in sorted(old | new) if old.get(key) != new.get(key)]
    return "; ".join(f"{key} was {old.get(key)!r}, is now {new.get(key)!r}" for key in keys)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}; tuples become lists, as in a file."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def _without_none(value: Any) -> Any:
    """The same tables without the keys whose value is None: TOML has no word for it."""
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
