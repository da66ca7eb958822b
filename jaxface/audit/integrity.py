"""The checksums of a store's chunks: each ends in its CRC-32C. Those of whole files are in `core.sums`."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import google_crc32c

from jaxface.audit.layout import VARIABLES
from jaxface.core.sums import is_regular

_CHECKSUM_BYTES = 4
_LARGEST_CHUNK = 2**30


def is_sound(chunk: Path) -> bool:
    """Return whether a chunk's file is there and ends in the CRC-32C of the rest."""
    if not is_regular(chunk) or chunk.stat().st_size > _LARGEST_CHUNK:
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
