"""Damage to what a run has written: named on loading, and removed on resuming, so that it is computed again.

Every chunk of the store ends in its CRC-32C. A finished run also has `sums.json`: the SHA-256 of every file
that its numbers rest on, so that nothing can be lost, added or exchanged without a word.
"""

import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import google_crc32c

from jaxface.audit.layout import VARIABLES
from jaxface.core import files, io
from jaxface.core.errors import StoreError

SUMS = "sums.json"
_CHECKSUM_BYTES = 4
_LARGEST_CHUNK = 2**30


def write_sums(folder: Path, names: tuple[str, ...]) -> None:
    """Write `sums.json` for files and folders of a run."""
    paths = dict(_files(folder, names))
    sums = {name: io.sha256(path) for name, path in paths.items()}
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    text = json.dumps({"names": names, "bytes": sizes, "sha256": sums}, indent=0)
    io.write_text(folder / SUMS, text + "\n")


def damages(folder: Path) -> dict[str, str]:
    """Return what differs from `sums.json`, by the file's name in the folder: "is missing", "has changed", ...

    Raises:
        StoreError: `sums.json` is missing or damaged itself.
    """
    sums, sizes, names = _read_sums(folder)
    present = dict(_files(folder, names))
    reasons = {
        name: _difference(folder / name, sums.get(name), sizes.get(name))
        for name in sorted(sums.keys() | present.keys())
    }
    return {name: reason for name, reason in reasons.items() if reason}


def is_sound(chunk: Path) -> bool:
    """Return whether a chunk's file is there and ends in the CRC-32C of the rest."""
    if not _is_regular(chunk) or chunk.stat().st_size > _LARGEST_CHUNK:
        return False
    content = chunk.read_bytes()
    body, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    return len(checksum) == _CHECKSUM_BYTES and google_crc32c.value(body) == int.from_bytes(checksum, "little")


def chunk_name(variable: str, position: Mapping[str, int]) -> str:
    """Return the name in the store of the file that holds a variable at a position, by dimension."""
    dimensions, split = VARIABLES[variable].dimensions, VARIABLES[variable].split
    return "/".join([variable, "c", *(str(position[name] if name in split else 0) for name in dimensions)])


def remove(path: Path) -> None:
    """Remove whatever is at a path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def _files(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Yield the files of a run, hidden and half-written ones aside, with their names in the folder."""
    for name in names:
        if (folder / name).is_file():
            yield name, folder / name
        for parent, _, children in os.walk(folder / name):
            for child in children:
                if not child.startswith(".") and not child.endswith(".partial"):
                    path = Path(parent, child)
                    yield path.relative_to(folder).as_posix(), path


def _difference(path: Path, sha256: str | None, size: int | None) -> str:
    """Describe how a file differs from its sum; "" where it does not."""
    if sha256 is None:
        return "was not there"
    if not os.path.lexists(path):
        return "is missing"
    if not _is_regular(path):
        return "is no file"
    if path.stat().st_size == 0:
        return "is empty"
    if path.stat().st_size != size:  # before it is read: it may be enormous
        return "has changed"
    return "" if io.sha256(path) == sha256 else "has changed"


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _read_sums(folder: Path) -> tuple[dict[str, str], dict[str, int], tuple[str, ...]]:
    path = folder / SUMS
    content: Any = files.read_json(path, StoreError, what="list of sums")
    try:
        sums, sizes, names = dict(content["sha256"]), dict(content["bytes"]), tuple(content["names"])
        if sums.keys() == sizes.keys() and all(isinstance(text, str) for text in (*sums.values(), *names)):
            return sums, sizes, names
    except (KeyError, TypeError, ValueError):
        pass
    raise StoreError(f"{path} is damaged; remove it, and audit again with this --out to check the run")
