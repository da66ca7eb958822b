"""Read people from files: arrays, tables, folders."""

import csv
import io
import re
from pathlib import Path

import numpy as np

from jaxface.audit.people_codes import ALBEDO, IDENTITY, NAMES, CodeTable, of_arrays, plain
from jaxface.core import files, npy_files
from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.face.loaders import archive

_WHAT = "file of people"
_LARGEST = 2**29  # bytes of an array
_NUMBERED = re.compile(r"(.*?)[\s_.\-\[(]*(\d+)[\])]?")


def read_people(path: str | Path) -> CodeTable:
    """Read .npz, .npy, .json, .csv, or a folder of .npz or .json files with a person in each.

    Raises:
        ConfigError: no such file, another format, or no shape codes in it.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _read_folder(path)
        readers = {".npz": _read_npz, ".npy": _read_npy, ".json": _read_json, ".csv": _read_csv}
        if not path.is_file():
            raise ConfigError(f"people: no file at {path}")
        if path.suffix.lower() not in readers:
            raise ConfigError(
                f"people: {path} is none of {', '.join(readers)}; save the codes as arrays 'shape' and 'tex' "
                "of an .npz"
            )
        return readers[path.suffix.lower()](path)
    except (OSError, ValueError, OverflowError, csv.Error, ModelFileError) as error:
        raise ConfigError(f"people: {path} cannot be read: {' '.join(str(error).split())[:200]}") from None


def _read_npz(path: Path) -> CodeTable:
    arrays = {}
    for name in archive.names(path):
        try:
            arrays[name] = archive.read(path, (name,))[name]
        except ModelFileError:
            if plain(name) in IDENTITY | ALBEDO:
                raise
            arrays[name] = np.empty(0)  # objects, which are never loaded: named among what is not read
    return of_arrays(path, arrays)


def _read_npy(path: Path) -> CodeTable:
    content = files.read_bytes(path, ModelFileError, what=_WHAT, largest=_LARGEST)
    return of_arrays(path, {"codes": npy_files.read_array(content, path, ModelFileError, what=_WHAT)})


def _read_json(path: Path) -> CodeTable:
    """Read lists by name, a list of people, or people by name."""
    content = files.read_json(path, ModelFileError, what=_WHAT)
    names: tuple[str, ...] | None = None
    if isinstance(content, dict) and content and all(isinstance(one, dict) for one in content.values()):
        names, content = tuple(content), list(content.values())
    if isinstance(content, list) and content and all(isinstance(one, dict) for one in content):
        keys = [key for key in content[0] if all(key in one for one in content)]
        content = {key: [one[key] for one in content] for key in keys}
    if not isinstance(content, dict):
        content = {"codes": content}
    if names is not None and not any(plain(key) in NAMES for key in content):
        content["name"] = names
    return of_arrays(path, {key: np.asarray(value) for key, value in content.items()})


def _read_csv(path: Path) -> CodeTable:
    """Read a row for each person: shape_0, shape_1, ..., tex_0, ...; a name and a group if there are any."""
    text = files.read_text(path, ModelFileError, what=_WHAT)
    rows = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True))
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    header = [name.strip() for name in rows[0]] if rows else []
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise ConfigError(
                f"people: {path}, line {line}: {len(row)} cells, the first line has {len(header)}"
            )
    columns = {name: [row[place].strip() for row in rows[1:]] for place, name in enumerate(header)}
    places_of: dict[str, dict[int, str]] = {}
    for name in header:
        match = _NUMBERED.fullmatch(name)
        if match and plain(match[1]) in IDENTITY | ALBEDO:
            places_of.setdefault(match[1].rstrip(" _.-[("), {})[int(match[2])] = name
    arrays: dict[str, np.ndarray] = {}
    for prefix, places in places_of.items():
        first = min(places)
        if sorted(places) != list(range(first, first + len(places))) or first > 1:
            raise ConfigError(f"people: {path}: columns of {prefix} are not numbered from 0 or 1 without a gap")
        arrays[prefix] = np.array([columns[places[number]] for number in sorted(places)], dtype=np.float64).T
    code_columns = {name for places in places_of.values() for name in places.values()}
    arrays |= {name: np.asarray(values) for name, values in columns.items() if name not in code_columns}
    return of_arrays(path, arrays)


def _read_folder(path: Path) -> CodeTable:
    paths = sorted(file for file in path.iterdir() if file.suffix.lower() in (".npz", ".json"))
    if not paths:
        raise ConfigError(f"people: {path} holds no .npz and no .json file")
    tables = [read_people(file) for file in paths]
    names = [
        file.stem if len(table) == 1 and table.names is None else name
        for file, table in zip(paths, tables, strict=True)
        for name in table.names or [f"{file.stem} {row}" for row in range(len(table))]
    ]

    def concatenate(field: str) -> np.ndarray | None:
        parts = [getattr(table, field) for table in tables]
        if all(part is None for part in parts):
            return None
        if any(part is None or part.shape[1:] != parts[0].shape[1:] for part in parts):
            raise ConfigError(f"people: the files in {path} do not hold codes of one kind and length")
        return np.concatenate(parts)

    return CodeTable(
        note=f"{path.name}: {len(paths)} files such as {tables[0].note}",
        identity=concatenate("identity"),
        albedo=concatenate("albedo"),
        codes=concatenate("codes"),
        names=tuple(names),
    )
