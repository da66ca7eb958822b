"""A run's folder: configuration, environment, and the Zarr store that is filled group by group.

The store is plain Zarr with named dimensions, which xarray opens. Each file in it is replaced whole, and
`done` is written after all else of a group, so that a run which is killed at any moment can go on: what is
not done is computed again.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray
import zarr

from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import CELLS, PEOPLE, STATISTICS, SURFACES, VARIABLES, CellStatus, Layout
from jaxface.audit.plan import WorkItem
from jaxface.core import io, runtime
from jaxface.core.config import dump_toml, load_toml
from jaxface.core.errors import StoreError

CONFIG, ENVIRONMENT, SURFACES_FOLDER = "run.toml", "environment.json", "surfaces.zarr"


class RunStore:
    """The open store of one run."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder = folder
        self.layout = layout
        root = zarr.open_group(str(folder / SURFACES_FOLDER), mode="r+")
        self._arrays: dict[str, zarr.Array] = {name: root[name] for name in VARIABLES}  # type: ignore[misc]
        self._root = root

    def is_done(self, group: WorkItem) -> bool:
        """Whether every cell of the group is complete."""
        return bool(np.all(self._arrays["done"][group.classifier, :, group.identity]))

    def write(self, group: WorkItem, cells: Mapping[str, np.ndarray], person: Mapping[str, Any]) -> None:
        """Write one group, `done` last.

        Args:
            cells: for each variable of `SURFACES` and `CELLS`, (n, ...) over the group's expressions.
            person: the variables of `PEOPLE`.
        """
        known = list(group.expressions)
        for name in PEOPLE:
            if 0 not in self._arrays[name].shape:
                self._arrays[name][group.identity] = person[name]
        for name in SURFACES:
            for expression, surface in zip(known, cells[name], strict=True):
                self._arrays[name][group.classifier, expression, group.identity] = surface
        for name in CELLS:
            array = self._arrays[name]
            row = np.full((array.shape[1], *array.shape[3:]), VARIABLES[name].fill, array.dtype)
            if name == "status":
                row[:] = CellStatus.SKIPPED
            row[known] = cells[name]
            array[group.classifier, :, group.identity] = row
        self._arrays["done"][group.classifier, :, group.identity] = True

    def surfaces(self, classifier: int, expression: int, identities: slice) -> np.ndarray:
        """Probabilities (n, S, T) of some identities."""
        return np.asarray(self._arrays["probability"][classifier, expression, identities])

    @property
    def judged(self) -> bool:
        """Whether scores and p-values have been written."""
        return has_statistics(self.folder)

    def write_judgement(self, values: Mapping[str, np.ndarray]) -> None:
        """Write the variables of `JUDGED`, each (C, X, N), then say so."""
        for name in STATISTICS:
            self._arrays[name][...] = values[name]
        self._root.attrs["judged"] = True

    def read(self) -> xarray.Dataset:
        """The store as it is now; arrays are read from disk when they are used."""
        return read(self.folder)


def read(folder: Path) -> xarray.Dataset:
    """A run's variables, read from disk when they are used.

    Raises:
        StoreError: there is no readable store in the folder.
    """
    path = folder / SURFACES_FOLDER
    if not path.is_dir():
        raise StoreError(f"{folder} holds no {SURFACES_FOLDER}; name the folder of a run (its --out)")
    try:
        return xarray.open_zarr(str(path), consolidated=False)
    except Exception as error:  # zarr and xarray raise what their codecs and parsers happen to raise
        raise StoreError(f"{path} cannot be read: {error}") from error


def has_statistics(folder: Path) -> bool:
    """Whether scores and p-values lie in the folder."""
    return (folder / SURFACES_FOLDER).is_dir() and bool(read(folder).attrs.get("judged", False))


def read_config(folder: Path) -> AuditConfig:
    """The configuration that a run was made with.

    Raises:
        StoreError: no `run.toml`.
        ConfigError: it is not one of this version.
    """
    if not (folder / CONFIG).is_file():
        raise StoreError(f"{folder} holds no {CONFIG}; name the folder of a run (its --out)")
    return load_toml(AuditConfig, folder / CONFIG)


def create_or_open(folder: Path, config: AuditConfig, layout: Layout) -> RunStore:
    """The store of this configuration in `folder`: a new one, or the one that is there.

    Args:
        config: with names in place of objects.

    Raises:
        StoreError: the folder belongs to another configuration, head or classifier, is damaged, or cannot be
            written.
    """
    check_config(folder, config)
    store = folder / SURFACES_FOLDER
    if store.exists() and not (folder / CONFIG).is_file():
        raise StoreError(f"{store} stands without its {CONFIG}; name another folder or remove it")
    try:
        if not (folder / CONFIG).is_file():
            io.write_text(folder / CONFIG, dump_toml(config))
        if not store.exists():
            _create(store, layout)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error.strerror or error}; name another folder"
        ) from None
    run = attach(folder, config, layout)
    _note_environment(folder / ENVIRONMENT)
    return run


def attach(folder: Path, config: AuditConfig, layout: Layout) -> RunStore:
    """The store that `open_run` made, in this process or another.

    Raises:
        StoreError: it belongs to another configuration, head or classifier, or is damaged.
    """
    check_config(folder, config)
    attributes = read(folder).attrs
    for name, wanted in layout.attributes.items():
        if (found := attributes.get(name)) != wanted:
            raise StoreError(
                f"{folder} was begun with another {name}: {_difference(found, wanted)}; name another folder"
            )
    return RunStore(folder, layout)


def check_config(folder: Path, config: AuditConfig) -> None:
    """Refuse a folder whose `run.toml` says something else.

    Raises:
        StoreError: naming each key that differs, with both values.
    """
    path = folder / CONFIG
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; a run wants a folder")
    if not path.is_file():
        return
    try:
        found = _flat(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}; name another folder") from None
    wanted = _flat(tomllib.loads(dump_toml(config)))
    keys = [key for key in sorted(found | wanted) if found.get(key) != wanted.get(key)]
    if keys:
        said = "; ".join(f"{key} was {found.get(key)!r}, is now {wanted.get(key)!r}" for key in keys)
        raise StoreError(
            f"{folder} belongs to another configuration ({said}); name another folder or remove it"
        )


def _create(path: Path, layout: Layout) -> None:
    """An empty store, which appears under its name complete."""
    partial = path.with_name(path.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    root = zarr.create_group(str(partial), attributes=layout.attributes)
    for name, values in layout.coordinates.items():
        root.create_array(name, data=values, dimension_names=(name,))
    for name, variable in VARIABLES.items():
        root.create_array(
            name,
            shape=layout.shape(variable),
            chunks=layout.chunks(name),
            dtype=variable.dtype,
            fill_value=variable.fill,
            dimension_names=variable.dimensions,
            attributes={"long_name": variable.about},
        )
    partial.rename(path)


def _note_environment(path: Path) -> None:
    """Write down where the run began, and where it went on if that differs: results may then differ too."""
    now = runtime.environment()
    if not path.is_file():
        io.write_text(path, json.dumps(now, indent=2) + "\n")
        return
    began = json.loads(path.read_text(encoding="utf-8"))
    before = [began, *began.get("resumed", [])][-1]
    if any(before.get(key) != now[key] for key in ("versions", "devices", "commit")):
        began.setdefault("resumed", []).append(now)
        io.write_text(path, json.dumps(began, indent=2) + "\n")


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def _difference(found: Any, wanted: Any) -> str:
    if not isinstance(found, Mapping) or not isinstance(wanted, Mapping):
        return f"{found!r}, now {wanted!r}"
    before, now = _flat(found), _flat(wanted)
    keys = [key for key in sorted(before | now) if before.get(key) != now.get(key)]
    return "; ".join(f"{key} {before.get(key)!r}, now {now.get(key)!r}" for key in keys)
