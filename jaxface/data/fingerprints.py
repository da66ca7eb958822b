"""The content of what is learnt from or retargeted: two data sets at one path are not the same data set."""

import hashlib
import os
from typing import Any

import numpy as np

from jaxface.core.config import dump_toml
from jaxface.core.pytrees import array_hash
from jaxface.data.dataset import Dataset
from jaxface.data.joining import ChainedSource
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.sources import FileSource, ImageSource

_IMAGES_READ = 256


def fingerprint(*parts: Dataset | SceneAssets | None) -> str:
    """Return a SHA-256 that changes with what is in data sets and recipes; None counts as nothing.

    Of a data set: classes, action units, columns, names and sizes of image files, and the bytes of up to
    256 images, evenly spaced. Of a recipe: its settings and its head.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, SceneAssets):
            digest.update(f"{dump_toml(part.recipe)}{array_hash(part.head)}".encode())
        elif part is not None:
            digest.update(repr((len(part), part.labels, part.units)).encode())
            digest.update(array_hash({name: np.asarray(part.columns[name]) for name in part.columns}).encode())
            _add_images(digest, part.source)
    return digest.hexdigest()


def _add_images(digest: Any, source: ImageSource) -> None:
    for each in source.sources if isinstance(source, ChainedSource) else (source,):
        if isinstance(each, FileSource):
            names = map(str, each.names)
            digest.update("".join(f"{name}\n{_size(each, name)}\n" for name in names).encode(errors="replace"))
    count = len(source)
    for index in np.unique(np.linspace(0, max(count - 1, 0), min(count, _IMAGES_READ)).astype(int)):
        digest.update(_image(source, int(index)))


def _size(source: FileSource, name: str) -> int:
    try:
        return os.stat(source.root / name).st_size
    except (OSError, ValueError):
        return -1


def _image(source: ImageSource, index: int) -> bytes:
    """Return the bytes of an image: of its file, where it has one."""
    if not isinstance(source, FileSource):
        return np.ascontiguousarray(source.read(index)).tobytes()
    try:
        return (source.root / str(source.names[index])).read_bytes()
    except (OSError, ValueError):
        return b""
