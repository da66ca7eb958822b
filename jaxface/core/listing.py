"""The files and folders of a folder, without those that operating systems and editors leave behind."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

LITTER: Final = frozenset(
    {
        "__macosx",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
        "@eadir",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    }
)


def is_litter(name: str) -> bool:
    """Return whether a file or folder of this name is never data: hidden (._x, .DS_Store), Thumbs.db, ..."""
    return name.startswith(".") or name.lower() in LITTER


def list_files(folder: Path, suffixes: Collection[str] = (), *, deep: bool = False) -> list[Path]:
    """Return what is no folder in a folder, in order of paths; [] where there is no folder.

    Args:
        suffixes: lower-case ends of names, such as ".csv"; () = all.
        deep: also in folders within it; links to folders are not followed.
    """
    paths = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if deep and not is_litter(name)]
        paths += [
            Path(base, name)
            for name in names
            if not is_litter(name) and (not suffixes or Path(name).suffix.lower() in suffixes)
        ]
    return sorted(paths)


def list_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, in order of names; [] where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not is_litter(entry.name))
    except OSError:
        return []
