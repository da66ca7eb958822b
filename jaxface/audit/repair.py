"""Before a run goes on: what is damaged or half-written is removed, and is not done."""

import contextlib
import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.audit import integrity, new_store
from jaxface.audit.layout import CELLS, PEOPLE, STATISTICS, SURFACES, VARIABLES, CellStatus, Layout
from jaxface.audit.new_store import SURFACES_FOLDER
from jaxface.core import files, io, run_folder, sums
from jaxface.core.errors import StoreError

ROOT = f"{SURFACES_FOLDER}/zarr.json"
"""Without it, nothing says of which classifiers a store is."""
AGAIN = "audit again with this --out to check the run"
"""What to do where `sums.json` itself is damaged."""


def remove_orphans(folder: Path) -> None:
    """Remove half-written chunks that killed processes left in a store; for the process that holds the run."""
    for path in (folder / SURFACES_FOLDER).rglob("*.partial"):
        with contextlib.suppress(OSError):
            path.unlink()


def remove_damage(folder: Path, layout: Layout) -> None:
    """Remove damaged files, and mark what rested on them as not done; for the process that holds the run."""
    path, has_sums = folder / SURFACES_FOLDER, sums.has_sums(folder)
    names = sums.damages(folder, StoreError, AGAIN) if has_sums else _unreadable_metadata(path)
    if has_sums and not names:
        return
    if ROOT in names:
        raise StoreError(f"{folder / ROOT} {names[ROOT]}; audit again in another folder")
    for name in names:
        if name != run_folder.SETTINGS:  # which `store.open_run` has checked
            integrity.remove(folder / name)
    if metadata := [name for name in names if _is_metadata(name)]:
        fresh = path.with_name(path.name + ".partial")
        new_store.create_partial(fresh, layout)
        for name in metadata:
            source = fresh / Path(name).relative_to(SURFACES_FOLDER)
            if source.is_file():
                io.write_bytes(folder / name, source.read_bytes())
        shutil.rmtree(fresh)
    _mark_as_not_done(path, layout)
    (folder / sums.SUMS).unlink(missing_ok=True)


def _unreadable_metadata(path: Path) -> dict[str, str]:
    """Return the descriptions of arrays that are missing or no JSON."""
    names = {}
    for name in VARIABLES:
        file = path / name / "zarr.json"
        try:
            files.read_json(file, StoreError)
        except StoreError as error:
            names[f"{SURFACES_FOLDER}/{name}/zarr.json"] = str(error)
    return names


def _is_metadata(name: str) -> bool:
    """Return whether a file describes an array or belongs to a coordinate: a new store has the same."""
    store, *parts = name.split("/")
    return store == SURFACES_FOLDER and (parts[-1] == "zarr.json" or parts[0] not in VARIABLES)


def _mark_as_not_done(path: Path, layout: Layout) -> None:
    """Remove the chunks that their checksums refute, and mark the items that need them as not done."""
    positions = [
        {"classifier": row, "identity": identity}
        for row in range(len(layout.classifiers))
        for identity in range(layout.identities)
    ]
    empty = [name for name in PEOPLE if 0 in layout.shape(VARIABLES[name])]
    pairs = itertools.product(("done", *STATISTICS), positions)
    for chunk in {path / integrity.chunk_name(*pair) for pair in pairs}:
        if not integrity.is_sound(chunk):
            integrity.remove(chunk)
    root = new_store.open_group(path, "r+")
    done: Any = root["done"]
    for position in positions:
        row, identity = position["classifier"], position["identity"]
        names = [integrity.chunk_name(name, position) for name in (*CELLS, *PEOPLE) if name not in empty]
        columns = np.arange(len(layout.expressions))
        if integrity.is_sound(path / integrity.chunk_name("status", position)):
            status: Any = root["status"]
            columns = np.flatnonzero(status[row, :, identity] != CellStatus.SKIPPED)
        cells = [{**position, "expression": int(column)} for column in columns]
        names += [integrity.chunk_name(name, cell) for name in SURFACES for cell in cells]
        unsound = [path / name for name in names if not integrity.is_sound(path / name)]
        if unsound and done[row, :, identity].any():
            done[row, :, identity] = False
        for chunk in unsound:
            integrity.remove(chunk)
