"""The folder of a run: its settings, its environment, and the rule that both belong to one run.

Audits, trainings, retargetings and observations all hold and claim their folder here, so that a second start,
resuming and what a kill leaves behind are treated alike.
"""

import contextlib
import datetime
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import filelock
import tomli_w

from jaxface.core import files, io, processes, runtime
from jaxface.core.errors import StoreError

SETTINGS, ENVIRONMENT = "run.toml", "environment.json"
SURVEY_SETTINGS = "survey.toml"
"""In a survey's folder, beside a folder for each of its runs."""

LOCK, OWNER = ".lock", ".owner.json"

_COMPARED = ("versions", "devices", "commit")
"""Keys of the environment that results may depend on."""


@contextlib.contextmanager
def hold(folder: Path, kind: str, *, wait: float = 0.0) -> Iterator[None]:
    """Let no other process work in a run's folder while the block lasts; within one process, it may be nested.

    The operating system releases the lock of a process that ends in any way, so that no file of a killed one
    blocks. Its half-written files are removed. Of the processes of one `jax.distributed` run, only the first
    holds the folder. A folder that cannot be written is not held: there is nothing to guard.

    Args:
        kind: for messages, such as "audit".
        wait: seconds for which another process may hold it.

    Raises:
        StoreError: another process holds it; the message says which, and since when.
    """
    lock = _acquire(folder, kind, wait) if processes.is_first() else None
    if lock is None:
        yield
        return
    try:
        if lock.lock_counter == 1:
            _note_owner(folder)
            io.remove_orphans(folder)
        yield
    finally:
        if lock.lock_counter == 1:
            (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def _acquire(folder: Path, kind: str, wait: float) -> filelock.BaseFileLock | None:
    """Return the lock of a folder, which is made if need be; None where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.resolve() / LOCK, is_singleton=True)
        lock.acquire(timeout=wait)
    except filelock.Timeout:
        raise StoreError(
            f"{folder} is in use: {_owner(folder)} works on this {kind}; wait for it, or name another folder"
        ) from None
    except (OSError, NotImplementedError, ValueError):  # no rights, no such file system, no possible name
        return None
    return lock


def _note_owner(folder: Path) -> None:
    now = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    note = {"process": os.getpid(), "host": socket.gethostname(), "since": now}
    with contextlib.suppress(OSError):  # a full disk: the note is a courtesy
        io.write_text(folder / OWNER, json.dumps(note) + "\n")


def _owner(folder: Path) -> str:
    """Describe the process that holds a folder."""
    try:
        note = files.read_json(folder / OWNER, StoreError, largest=4096)
        return f"process {note['process']} on {note['host']}, since {note['since']},"
    except (StoreError, KeyError, TypeError):  # it has begun this moment
        return "another process"


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


def check(
    folder: Path,
    settings: Mapping[str, Any],
    kind: str,
    file: str = SETTINGS,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    ignored: Sequence[str] = (),
) -> None:
    """Check that a folder is free, or belongs to a run of the same settings; write nothing.

    Args:
        ignored: settings of the file that are not compared.
        defaults: of settings that the file does not name, since an earlier version wrote it.

    Raises:
        StoreError: as `claim`.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; name a folder for the {kind}")
    if not (folder / file).is_file():
        return
    before = {**_flatten(_without_none(defaults)), **_flatten(read_settings(folder, kind, file))}
    before = {name: value for name, value in before.items() if name not in ignored}
    changes = difference(before, _without_none(settings))
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
    if not _is_environment(record) or not all(map(_is_environment, _as_list(record.get("resumed", [])))):
        raise StoreError(f"{path} is damaged: it is no record of an environment; remove it to go on")
    return record


def _is_environment(entry: Any) -> bool:
    """Return whether an entry has what `runtime.environment` describes, as far as it has it."""
    if not isinstance(entry, dict) or not isinstance(entry.get("versions", {}), dict):
        return False
    texts = [item for key in ("command", "devices") for item in _as_list(entry.get(key, []))]
    return all(isinstance(text, str) for text in texts)


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
