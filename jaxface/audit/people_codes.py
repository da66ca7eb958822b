"""Shape and texture codes of people under the names that are in use.

Nobody has agreed on a format, so names are read liberally, and what was read is said: `CodeTable.note`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.core.errors import ConfigError

IDENTITY = frozenset({"shape", "beta", "identity", "identitie"})
ALBEDO = frozenset({"tex", "texture", "alpha", "albedo", "appearance"})
NAMES = frozenset({"id", "identity", "person", "personid", "name", "subject", "subjectid", "label", "file"})
GROUPS = frozenset({"population", "group", "sex", "gender"})
"""Names as `plain` leaves them: "shapecode", "Shape_params" and "flame shapes" are all "shape"."""

_SUFFIX = re.compile(r"(code|param|parameter|coeff|coefficient)?s?$")


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


def of_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> CodeTable:
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
        next((key for key in arrays if plain(key) in names and arrays[key].shape == (count,)), None)
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
        if plain(key) in names and array.dtype.kind in "fiu" and (array.ndim > 1 or plain(key) not in NAMES)
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


def plain(name: str) -> str:
    """Return a name without case, signs, "flame" before it and "codes", "params", "s" behind it."""
    letters = re.sub(r"[^a-z]", "", name.lower()).removeprefix("flame")
    return _SUFFIX.sub("", letters)
