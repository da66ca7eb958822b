"""Whether a page is the report of a run as it would be drawn now: then a gate need not draw it again."""

import functools
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

from jaxface import __version__
from jaxface.audit import AuditResult
from jaxface.audit.inputs import serializable_config
from jaxface.core.config import dump_toml

NO_FACES = "without faces"
"""Key of a page whose faces could not be drawn; the next time they might be."""
_HEAD = 1024  # characters of a page that hold its key


def page_key(result: AuditResult, saliency: str) -> str:
    """Return what a page depends on, as a hash: the run, the saliency and the code that draws it."""
    digest = hashlib.sha256(f"{__version__} {saliency} {_code()}".encode())
    digest.update(result.summary.to_json().encode())
    digest.update(dump_toml(serializable_config(result.config)).encode())
    return digest.hexdigest()[:32]


def is_current(path: Path, key: str) -> bool:
    """Return whether a file is a page with this key."""
    try:
        with path.open(encoding="utf-8") as file:
            return f'name="jaxface-key" content="{key}"' in file.read(_HEAD)
    except (OSError, UnicodeDecodeError):
        return False


@functools.cache
def _code() -> str:
    digest = hashlib.sha256()
    for file in _files(resources.files("jaxface.report")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(folder: Any) -> list[Any]:
    """Return the files of a package's folder with all below, by name."""
    files = []
    for entry in sorted(folder.iterdir(), key=lambda entry: str(entry.name)):
        if entry.is_dir():
            files += [] if entry.name == "__pycache__" else _files(entry)
        else:
            files.append(entry)
    return files
