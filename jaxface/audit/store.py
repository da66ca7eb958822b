"""A run's folder: configuration, environment, and the Zarr store that is filled item by item.

The store is plain Zarr with named dimensions, which xarray opens. Each file in it is replaced whole, and
`done` is written after all else of a work item, so that a run which is killed at any moment can go on: what is
not done is computed again.
"""

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray
import zarr

from jaxface.audit import fingerprints
from jaxface.audit.config import AuditConfig
from jaxface.audit.layout import (
    CELLS,
    PEOPLE,
    SCHEMA,
    STATISTICS,
    SURFACES,
    VARIABLES,
    CellStatus,
    GroupOutput,
    Layout,
    identifying_attributes,
)
from jaxface.audit.plan import WorkItem
from jaxface.audit.summary import Summary
from jaxface.core import io, processes, run_folder
from jaxface.core.config import from_dict, to_dict
from jaxface.core.errors import ConfigError, StoreError

SURFACES_FOLDER = "surfaces.zarr"
TABLES = (
    *("scores", "significance", "schemes", "accuracy", "activation", "transfer"),
    *("doses", "effects", "comparisons", "groups"),
)
"""Names of the CSV files, without their ending."""
SUMMARY = "summary.json"
_PATIENCE = 60.0  # seconds in which another process may create the store
_COMPLETE = "statistics"  # attribute of the store: scores, p-values and the summary are there


class RunStore:
    """The open store of one run, for writing."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder = folder
        self.layout = layout
        self._root = zarr.open_group(str(folder / SURFACES_FOLDER), mode="r+")
        self._arrays: dict[str, zarr.Array] = {
            name: self._root[name]  # type: ignore[misc]
            for name in VARIABLES
        }

    def is_done(self, item: WorkItem) -> bool:
        """Return whether every cell of the item is complete."""
        return bool(np.all(self._arrays["done"][self._row(item.classifier), :, item.identity]))

    def pending(self, items: Sequence[WorkItem]) -> list[WorkItem]:
        """Return the items that are not complete."""
        return [item for item in items if not self.is_done(item)]

    def write(self, output: GroupOutput) -> None:
        """Write all of one work item, `done` last."""
        item, cells, person = output
        row, columns = self._row(item.classifier), [self._column(name) for name in item.expressions]
        for name in PEOPLE:
            if 0 not in self._arrays[name].shape:
                self._arrays[name][item.identity] = person[name]
        for name in SURFACES:
            for column, surface in zip(columns, cells[name], strict=True):
                self._arrays[name][row, column, item.identity] = surface
        for name in CELLS:
            array = self._arrays[name]
            values = np.full((array.shape[1], *array.shape[3:]), VARIABLES[name].fill, array.dtype)
            if name == "status":
                values[:] = CellStatus.SKIPPED
            values[columns] = cells[name]
            array[row, :, item.identity] = values
        self._arrays["done"][row, :, item.identity] = True

    def probabilities(self, classifier: str, expression: str, identities: slice) -> np.ndarray:
        """Return the probability surfaces (n, S, T) of some identities."""
        row, column = self._row(classifier), self._column(expression)
        return np.asarray(self._arrays["probability"][row, column, identities])

    @property
    def is_complete(self) -> bool:
        """Whether the statistics and the summary have been written."""
        return is_complete(self.read()) and (self.folder / SUMMARY).is_file()

    def write_statistics(self, values: Mapping[str, np.ndarray]) -> None:
        """Write the variables of `STATISTICS`, each (C, X, N, ...)."""
        for name in STATISTICS:
            self._arrays[name][...] = values[name]

    def write_summary(self, summary: Summary) -> None:
        """Write `summary.json`, and mark the store as complete."""
        io.write_text(self.folder / SUMMARY, summary.to_json())
        self._root.attrs[_COMPLETE] = True

    def read(self) -> xarray.Dataset:
        """Return the store as it is now; arrays are read from disk when they are used."""
        return read(self.folder)

    def _row(self, classifier: str) -> int:
        return self.layout.classifiers.index(classifier)

    def _column(self, expression: str) -> int:
        return self.layout.expressions.index(expression)


def read(folder: Path) -> xarray.Dataset:
    """Return a run's variables, read from disk when they are used.

    Raises:
        StoreError: there is no readable store in the folder, or another version of jaxface wrote it.
    """
    path = folder / SURFACES_FOLDER
    if not path.is_dir():
        raise StoreError(f"{folder} holds no {SURFACES_FOLDER}; name the folder of a run (its --out)")
    try:
        data = xarray.open_zarr(str(path), consolidated=False)
    except Exception as error:  # zarr and xarray raise what their codecs and parsers happen to raise
        raise StoreError(f"{path} cannot be read: {error}") from error
    if (schema := data.attrs.get("schema", 1)) != SCHEMA:
        raise StoreError(
            f"{folder} was written by another version of jaxface (store schema {schema}, this version has "
            f"{SCHEMA}); audit again in another folder"
        )
    return data


def read_summary(folder: Path) -> Summary:
    """Return the summary of a complete run.

    Raises:
        StoreError: it cannot be read.
    """
    path = folder / SUMMARY
    try:
        return Summary.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}; remove {path} and audit again with this --out"
        ) from None


def is_complete(data: xarray.Dataset) -> bool:
    """Return whether a store, as `read` returned it, has statistics and a summary."""
    return bool(data.attrs.get(_COMPLETE, False))


def has_tables(folder: Path) -> bool:
    """Return whether all tables are in a run's folder."""
    return all((folder / f"{name}.csv").is_file() for name in TABLES)


def read_config(folder: Path) -> AuditConfig:
    """Return the configuration that a run was made with.

    Raises:
        StoreError: no `run.toml`.
        ConfigError: it is not one of this version.
    """
    settings = run_folder.read_settings(folder, "run")
    try:
        return from_dict(AuditConfig, settings)
    except ConfigError as error:
        raise ConfigError(f"{folder / run_folder.SETTINGS}: {error}") from None


def open_run(folder: Path, config: AuditConfig, layout: Layout) -> RunStore:
    """Open the store of this configuration in `folder`; every process of a run calls this once.

    Process 0 creates what is missing, then all check and open it.

    Args:
        config: with names in place of objects.

    Raises:
        StoreError: the folder belongs to another configuration, head, classifier or intervention, is damaged,
            or cannot be written.
    """
    first = processes.is_first()

    def attach() -> RunStore:
        run_store = _attach(folder, config, layout)
        if first:
            with run_folder.hold(folder, "audit", wait=_PATIENCE):
                run_folder.note_environment(folder)
        return run_store

    def create() -> None:
        if first:
            with run_folder.hold(folder, "audit", wait=_PATIENCE):
                _create(folder, config, layout)

    processes.run_on_all(create, "begin the run")
    return processes.run_on_all(attach, "join the run")


def remove_orphans(folder: Path) -> None:
    """Remove half-written chunks that killed processes left in a store; for the process that holds the run."""
    for path in (folder / SURFACES_FOLDER).rglob("*.partial"):
        with contextlib.suppress(OSError):
            path.unlink()


def _create(folder: Path, config: AuditConfig, layout: Layout) -> None:
    """Write `run.toml` and an empty store, unless they are there."""
    path = folder / SURFACES_FOLDER
    if path.exists():
        if not (folder / run_folder.SETTINGS).is_file():
            raise StoreError(
                f"{path} is there without its {run_folder.SETTINGS}; name another folder or remove it"
            )
        return
    run_folder.claim(folder, to_dict(config), "audit")
    try:
        _create_store(path, layout)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error.strerror or error}; name another folder"
        ) from None


def _attach(folder: Path, config: AuditConfig, layout: Layout) -> RunStore:
    """Open the store after checking that it is this run's."""
    attributes = identifying_attributes(
        read(folder).attrs
    )  # before run.toml: with another schema, it has other keys, too
    run_folder.check(folder, to_dict(config), "audit")
    for name, value in identifying_attributes(layout.all_attributes).items():
        if changes := content_difference(name, attributes.get(name), value):
            raise StoreError(f"{folder} was begun with another {name}: {changes}; name another folder")
    return RunStore(folder, layout)


def content_difference(name: str, before: Any, now: Any) -> str:
    """Describe how an attribute of a store differs from what it is now; "" where it is the same."""
    if name != "classifiers" or not isinstance(before, Mapping) or before.keys() != now.keys():
        return run_folder.difference({name: before}, {name: now})
    each = {key: fingerprints.difference(before[key], now[key]) for key in now}
    return "; ".join(f"{key}: {changes}" for key, changes in each.items() if changes)


def _create_store(path: Path, layout: Layout) -> None:
    """Create an empty store, which appears under its name complete."""
    partial = path.with_name(path.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    root = zarr.create_group(str(partial), attributes=layout.all_attributes)
    for name, values in layout.coordinates.items():
        root.create_array(name, data=values, dimension_names=(name,))
    for name, variable in VARIABLES.items():
        root.create_array(
            name,
            shape=layout.shape(variable),
            chunks=layout.chunks(variable),
            dtype=variable.dtype,
            fill_value=variable.fill,
            dimension_names=layout.dimensions(variable),
            attributes={"long_name": variable.description},
        )
    partial.rename(path)
