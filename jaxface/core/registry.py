"""Registries: names and their descriptions at once, what they stand for when it is looked up."""

import pkgutil
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Registry(MutableMapping[str, T], Generic[T]):
    """Objects by name. Listing the names imports nothing; `registry[name]` imports one object's module.

    An object of one's own is entered as in a dictionary: `registry[name] = object`.
    """

    def __init__(self, package: str, entries: Mapping[str, tuple[str, str]]) -> None:
        """Enter the objects of a package: name -> ("module:object", a description in a line)."""
        self._homes = {name: f"{package}.{home}" for name, (home, _) in entries.items()}
        self.descriptions = {name: description for name, (_, description) in entries.items()}
        self._objects: dict[str, Any] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._objects:
            self._objects[name] = pkgutil.resolve_name(self._homes[name])
        entry: T = self._objects[name]
        return entry

    def __setitem__(self, name: str, entry: T) -> None:
        self._homes.setdefault(name, "")
        self._objects[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._homes[name]
        self._objects.pop(name, None)
        self.descriptions.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
