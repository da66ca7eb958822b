"""Read people from files: shape and texture codes under the names that are in use.

Nobody has agreed on a format, so names are read liberally, and what was read is said: `CodeTable.note`.
"""

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.face.loaders import archive

IDENTITY = frozenset({"shape", "beta", "identity", "identitie"})
ALBEDO = frozenset({"tex", "texture", "alpha", "albedo", "appearance"})
NAMES = frozenset({"id", "identity", "person", "personid", "name", "subject", "subjectid", "label", "file"})
GROUPS = frozenset({"population", "group", "sex", "gender"})
"""Names as `_plain` leaves them: "shapecode", "Shape_params" and "flame shapes" are all "shape"."""

_SUFFIX = re.compile(r"(code|param|parameter|coeff|coefficient)?s?$")
_NUMBERED = re.compile(r"(.*?)[\s_.\-\[(]*(\d+)[\])]?")


@dataclass(frozen=True)
class CodeTable:
    """The codes of n people as they were read.

    Attributes:
        identity, albedo: (n, I) and (n, A); None where the file has none of that name.
        codes: (n, I + A), of a file that holds one unnamed table.
        names, groups: of the n people; None where the file has none.
        note: what was read, in words.
    """

    note: str
    identity: np.ndarray | None = None
    albedo: np.ndarray | None = None
    codes: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None

    def __len__(self) -> int:
        table = self.codes if self.identity is None else self.identity
        return 0 if table is None else len(table)


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
    except (OSError, ValueError, ModelFileError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"people: {path} cannot be read: {' '.join(str(error).split())[:200]}") from None


def _read_npz(path: Path) -> CodeTable:
    arrays = {}
    for name in archive.names(path):
        try:
            arrays[name] = archive.read(path, (name,))[name]
        except ModelFileError:
            if _plain(name) in IDENTITY | ALBEDO:
                raise
            arrays[name] = np.empty(0)  # objects, which are never loaded: named among what is not read
    return _of_arrays(path, arrays)


def _read_npy(path: Path) -> CodeTable:
    return _of_arrays(path, {"codes": np.load(path, allow_pickle=False)})


def _read_json(path: Path) -> CodeTable:
    """Read lists by name, a list of people, or people by name."""
    content = json.loads(path.read_text(encoding="utf-8"))
    names: tuple[str, ...] | None = None
    if isinstance(content, dict) and content and all(isinstance(one, dict) for one in content.values()):
        names, content = tuple(content), list(content.values())
    if isinstance(content, list) and content and all(isinstance(one, dict) for one in content):
        keys = [key for key in content[0] if all(key in one for one in content)]
        content = {key: [one[key] for one in content] for key in keys}
    if not isinstance(content, dict):
        content = {"codes": content}
    if names is not None and not any(_plain(key) in NAMES for key in content):
        content["name"] = names
    return _of_arrays(path, {key: np.asarray(value) for key, value in content.items()})


def _read_csv(path: Path) -> CodeTable:
    """Read a row for each person: shape_0, shape_1, ..., tex_0, ...; a name and a group if there are any."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file, skipinitialspace=True))
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
        if match and _plain(match[1]) in IDENTITY | ALBEDO:
            places_of.setdefault(match[1].rstrip(" _.-[("), {})[int(match[2])] = name
    arrays: dict[str, np.ndarray] = {}
    for prefix, places in places_of.items():
        first = min(places)
        if sorted(places) != list(range(first, first + len(places))) or first > 1:
            raise ConfigError(f"people: {path}: columns of {prefix} are not numbered from 0 or 1 without a gap")
        arrays[prefix] = np.array([columns[places[number]] for number in sorted(places)], dtype=np.float64).T
    code_columns = {name for places in places_of.values() for name in places.values()}
    arrays |= {name: np.asarray(values) for name, values in columns.items() if name not in code_columns}
    return _of_arrays(path, arrays)


def _read_folder(path: Path) -> CodeTable:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".npz", ".json"))
    if not files:
        raise ConfigError(f"people: {path} holds no .npz and no .json file")
    tables = [read_people(file) for file in files]
    names = [
        file.stem if len(table) == 1 and table.names is None else name
        for file, table in zip(files, tables, strict=True)
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
        note=f"{path.name}: {len(files)} files such as {tables[0].note}",
        identity=concatenate("identity"),
        albedo=concatenate("albedo"),
        codes=concatenate("codes"),
        names=tuple(names),
    )


def _of_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> CodeTable:
    """Sort arrays by their names; one array alone may have any name."""
    identity_key, albedo_key = (_key(path, arrays, names) for names in (IDENTITY, ALBEDO))
    matrices = [name for name, array in arrays.items() if array.ndim >= 2 and array.dtype.kind in "fiu"]
    has_one = identity_key is None and albedo_key is None and len(matrices) == 1
    codes_key = matrices[0] if has_one else None
    if identity_key is None and codes_key is None:
        present = ", ".join(list(arrays)[:12]) or "nothing"
        raise ConfigError(
            f"people: {path} has no shape codes: none of {present} is called shape, beta, identity or the like"
        )
    tables = {
        field: None if key is None else _codes(path, key, arrays[key])
        for field, key in (("identity", identity_key), ("albedo", albedo_key), ("codes", codes_key))
    }
    lengths = {len(table) for table in tables.values() if table is not None}
    if len(lengths) > 1:
        raise ConfigError(f"people: {path}: {identity_key} and {albedo_key} are of different numbers of people")
    count = lengths.pop()
    name_key, group_key = (
        next((key for key in arrays if _plain(key) in names and arrays[key].shape == (count,)), None)
        for names in (NAMES, GROUPS)
    )
    read_keys = (identity_key, albedo_key, codes_key, name_key, group_key)
    rest = [key for key in arrays if key not in read_keys]
    parts = [
        f"{word} from {key!r} {arrays[key].shape}"
        for word, key in (("identity", identity_key), ("albedo", albedo_key), ("codes", codes_key))
        if key is not None
    ]
    parts += [f"names from {name_key!r}"] if name_key else []
    parts += [f"groups from {group_key!r}"] if group_key else []
    parts += [f"not read: {', '.join(rest[:12])}"] if rest else []
    return CodeTable(
        note=f"{path.name}: {count} people, {'; '.join(parts)}",
        names=None if name_key is None else _texts(arrays[name_key]),
        groups=None if group_key is None else _texts(arrays[group_key]),
        **tables,
    )


def _key(path: Path, arrays: Mapping[str, np.ndarray], names: frozenset[str]) -> str | None:
    keys = [
        key
        for key, array in arrays.items()
        if _plain(key) in names and array.dtype.kind in "fiu" and (array.ndim > 1 or _plain(key) not in NAMES)
    ]
    keys = [key for key in keys if arrays[key].ndim > 1] or keys
    if len(keys) > 1:
        raise ConfigError(f"people: {path} has both {keys[0]!r} and {keys[1]!r}; leave one of them out")
    return keys[0] if keys else None


def _codes(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    """Return (n, k) float32: axes of length one in between are dropped, one person may lack the first."""
    if array.ndim == 1:
        array = array[None]
    array = array.reshape(len(array), -1) if sum(size > 1 for size in array.shape[1:]) <= 1 else array
    if array.ndim != 2 or not array.size:
        raise ConfigError(f"people: {path}: {key} {array.shape} is no table of (people, coefficients)")
    if not np.isfinite(array).all():
        raise ConfigError(f"people: {path}: {key} holds values that are not finite")
    return array.astype(np.float32)


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in np.asarray(values).tolist())


def _plain(name: str) -> str:
    letters = re.sub(r"[^a-z]", "", name.lower()).removeprefix("flame")
    return _SUFFIX.sub("", letters)
