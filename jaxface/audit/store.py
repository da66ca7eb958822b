"""A run's folder: configuration, environment, and the Zarr store that is filled item by item.

The store is plain Zarr with named dimensions, which xarray opens. Each file in it is replaced whole, and
`done` is written after all else of a work item, so that a run which is killed at any moment can go on: what is
not done is computed again. Damage is found by checksums (`core.sums`, `integrity`) and computed again, too.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray
import zarr

from jaxface.audit import fingerprints, new_store, repair
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
from jaxface.audit.new_store import SURFACES_FOLDER
from jaxface.audit.plan import WorkItem
from jaxface.audit.summary import Summary
from jaxface.core import files, io, processes, run_folder, sums
from jaxface.core.config import from_dict, to_dict
from jaxface.core.errors import ConfigError, StoreError

TABLES = (
    *("scores", "significance", "schemes", "accuracy", "activation", "transfer"),
    *("doses", "effects", "comparisons", "groups"),
)
"""Names of the CSV files, without their ending."""
SUMMARY = "summary.json"
_PATIENCE = 60.0  # seconds in which another process may create the store
EXPRESSIONS_FROM = "expressions"
"""Attribute of a store whose expressions are those of another run."""
_COMPLETE = "statistics"  # attribute of the store: scores, p-values and the summary are there


class RunStore:
    """The open store of one run, for writing."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder = folder
        self.layout = layout
        self._root = new_store.open_group(folder / SURFACES_FOLDER, "r+")
        # Chunks of fill values are files, too: one that is missing is lost.
        with zarr.config.set({"array.write_empty_chunks": True}):
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
        """Whether the statistics, the summary and the sums have been written."""
        return is_complete(self.folder)

    def write_statistics(self, values: Mapping[str, np.ndarray]) -> None:
        """Write the variables of `STATISTICS`, each (C, X, N, ...)."""
        for name in STATISTICS:
            self._arrays[name][...] = values[name]

    def write_summary(self, summary: Summary) -> None:
        """Write `summary.json`, mark the store as complete, and sum up every file."""
        io.write_text(self.folder / SUMMARY, summary.to_json())
        self._root.attrs[_COMPLETE] = True
        with warnings.catch_warnings():  # zarr: the metadata are not part of the specification yet
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(str(self.folder / SURFACES_FOLDER))
        sums.write_sums(self.folder, (SURFACES_FOLDER, SUMMARY, run_folder.SETTINGS))

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
    read_attributes(folder)
    path = folder / SURFACES_FOLDER
    try:
        return xarray.open_zarr(str(path), consolidated=False)
    except Exception as error:  # zarr and xarray raise what their codecs and parsers happen to raise
        raise StoreError(f"{path} cannot be read: {error}; {_again(folder)}") from None


def read_attributes(folder: Path) -> dict[str, Any]:
    """Return the attributes of a run's store.

    Raises:
        StoreError: there is no readable store in the folder, or another version of jaxface wrote it.
    """
    path = folder / SURFACES_FOLDER
    if not path.is_dir():
        raise StoreError(f"{folder} holds no {SURFACES_FOLDER}; name the folder of a run (its --out)")
    try:
        metadata = files.read_json(path / "zarr.json", StoreError, what="description of a store")
    except StoreError as error:
        raise StoreError(f"{error}; audit again in another folder") from None
    attributes = metadata.get("attributes") if isinstance(metadata, dict) else None
    if not isinstance(attributes, dict):
        raise StoreError(f"{path / 'zarr.json'} is damaged; audit again in another folder")
    if (schema := attributes.get("schema", 1)) != SCHEMA:
        raise StoreError(
            f"{folder} was written by another version of jaxface (store schema {schema}, this version has "
            f"{SCHEMA}); audit again in another folder"
        )
    return attributes


def require_complete(folder: Path) -> None:
    """Check that a run is there, finished and undamaged.

    Raises:
        StoreError: it is not, or another version of jaxface wrote it.
    """
    if not (folder / run_folder.SETTINGS).is_file():
        raise StoreError(f"{folder} holds no {run_folder.SETTINGS}; name the folder of a run (its --out)")
    read_attributes(folder)  # first: another schema may have other settings, too
    if not is_complete(folder):
        done = read(folder)["done"]
        raise StoreError(
            f"{folder} is not finished: {int(done.sum())} of {done.size} cells; "
            f"`jaxface audit --config {folder / run_folder.SETTINGS} --out {folder}` goes on"
        )
    require_undamaged(folder)


def require_undamaged(folder: Path) -> None:
    """Check every file of a complete run against `sums.json`.

    Raises:
        StoreError: one is lost, has changed or was not there; the message names it.
    """
    damages = sums.damages(folder, StoreError, repair.AGAIN)
    for name, reason in damages.items():
        others = f" (and {len(damages) - 1} more)" if len(damages) > 1 else ""
        is_lost = name in (repair.ROOT, run_folder.SETTINGS)
        remedy = "audit again in another folder" if is_lost else _again(folder)
        raise StoreError(f"{folder / name} {reason}{others}; {remedy}")


def _again(folder: Path) -> str:
    settings = folder / run_folder.SETTINGS
    return f"`jaxface audit --config {settings} --out {folder}` computes again what is damaged"


def read_summary(folder: Path) -> Summary:
    """Return the summary of a complete run.

    Raises:
        StoreError: it cannot be read.
    """
    path = folder / SUMMARY
    try:
        return Summary.from_json(files.read_text(path, StoreError, what="summary"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{path} cannot be read: {error}; remove {path} and audit again with this --out"
        ) from None


def is_complete(folder: Path) -> bool:
    """Return whether a run has its statistics, its summary and its sums."""
    has_files = all((folder / name).is_file() for name in (SUMMARY, sums.SUMS))
    return has_files and bool(read_attributes(folder).get(_COMPLETE, False))


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
                if not _create(folder, config, layout):
                    _require_same(folder, config, layout)
                    repair.remove_damage(folder, layout)

    processes.run_on_all(create, "begin the run")
    return processes.run_on_all(attach, "join the run")


def _create(folder: Path, config: AuditConfig, layout: Layout) -> bool:
    """Write `run.toml` and an empty store, unless they are there; return whether they were written."""
    path = folder / SURFACES_FOLDER
    if path.exists():
        if not (folder / run_folder.SETTINGS).is_file():
            raise StoreError(
                f"{path} is there without its {run_folder.SETTINGS}; name another folder or remove it"
            )
        return False
    run_folder.claim(folder, to_dict(config), "audit")
    try:
        new_store.create(path, layout)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error.strerror or error}; name another folder"
        ) from None
    return True


def _attach(folder: Path, config: AuditConfig, layout: Layout) -> RunStore:
    """Open the store after checking that it is this run's."""
    _require_same(folder, config, layout)
    return RunStore(folder, layout)


def _require_same(folder: Path, config: AuditConfig, layout: Layout) -> None:
    """Check that a store is of this configuration and layout."""
    # before run.toml: with another schema, it has other keys, too
    attributes = identifying_attributes(read_attributes(folder))
    # A run that gives expressions may have moved: what it holds is compared instead.
    settings = to_dict(config) | {"expression_from": None}
    run_folder.check(folder, settings, "audit", defaults=to_dict(AuditConfig()), ignored=("expression_from",))
    wanted = {EXPRESSIONS_FROM: None, **identifying_attributes(layout.all_attributes)}
    for name, value in wanted.items():
        if changes := content_difference(name, attributes.get(name), value):
            raise StoreError(f"{folder} was begun with another {name}: {changes}; name another folder")


def content_difference(name: str, before: Any, now: Any) -> str:
    """Describe how an attribute of a store differs from what it is now; "" where it is the same."""
    if name != "classifiers" or not isinstance(before, Mapping) or before.keys() != now.keys():
        return run_folder.difference({name: before}, {name: now})
    each = {key: fingerprints.difference(before[key], now[key]) for key in now}
    return "; ".join(f"{key}: {changes}" for key, changes in each.items() if changes)
