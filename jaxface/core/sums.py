"""`sums.json`: the SHA-256 of every file that a finished run's numbers rest on.

With it nothing can change, be lost, added or exchanged without a word. It is written last: a folder that has it
is finished.
"""

import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxface.core import files, io
from jaxface.core.errors import JaxfaceError

SUMS = "sums.json"


def write_sums(folder: Path, names: Sequence[str]) -> None:
    """Write `sums.json` for files and folders in a run's folder."""
    paths = dict(_files(folder, names))
    sums = {name: io.sha256(path) for name, path in paths.items()}
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    text = json.dumps({"names": list(names), "bytes": sizes, "sha256": sums}, indent=0)
    io.write_text(folder / SUMS, text + "\n")


def has_sums(folder: Path) -> bool:
    """Return whether something is called `sums.json` in a folder."""
    return os.path.lexists(folder / SUMS)


def damages(folder: Path, error: type[JaxfaceError], remedy: str) -> dict[str, str]:
    """Return what differs from `sums.json`, by the file's name in the folder: "is missing", "has changed", ...

    Args:
        error: class of what is raised.
        remedy: what to do where the sums themselves are damaged.

    Raises:
        error: `sums.json` is missing or damaged.
    """
    sums, sizes, names = _read_sums(folder, error, remedy)
    present = dict(_files(folder, names))
    reasons = {
        name: _difference(folder / name, sums.get(name), sizes.get(name))
        for name in sorted(sums.keys() | present.keys())
    }
    return {name: reason for name, reason in reasons.items() if reason}


def require_undamaged(folder: Path, error: type[JaxfaceError], remedy: str) -> None:
    """Check every file of a finished run; a folder without `sums.json` is not finished, and not checked.

    Raises:
        error: a file is lost, has changed or was not there; the message names it.
    """
    if not has_sums(folder):
        return
    reasons = damages(folder, error, remedy)
    for name, reason in reasons.items():
        others = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        raise error(f"{folder / name} {reason}{others}; {remedy}")


def is_regular(path: Path) -> bool:
    """Return whether a regular file is at a path."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _files(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, Path]]:
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
    if not is_regular(path):
        return "is no file"
    if path.stat().st_size == 0 != size:
        return "is empty"
    if path.stat().st_size != size:  # before it is read: it may be enormous
        return "has changed"
    return "" if io.sha256(path) == sha256 else "has changed"


def _read_sums(
    folder: Path, error: type[JaxfaceError], remedy: str
) -> tuple[dict[str, str], dict[str, int], tuple[str, ...]]:
    path = folder / SUMS
    content: Any = files.read_json(path, error, what="list of sums")
    try:
        sums, sizes, names = dict(content["sha256"]), dict(content["bytes"]), tuple(content["names"])
        if sums.keys() == sizes.keys() and all(isinstance(text, str) for text in (*sums.values(), *names)):
            return sums, sizes, names
    except (KeyError, TypeError, ValueError):
        pass
    raise error(f"{path} is damaged; remove it. {remedy[:1].upper()}{remedy[1:]}")
