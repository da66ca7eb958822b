"""Reading foreign pickles: a check of the program before it runs, and objects that do nothing.

A pickle is a program: it may name any function on the machine and call it. The readers (face models in
`face/loaders/unpickle.py`, PyTorch checkpoints in `classify/checkpoints/torch_pickle.py`) let it name nothing
but stand-ins that remember what the file said.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import IO, Any

from jaxface.core import errors
from jaxface.core.pickle_budgets import UnsafePickle, check_program

_MOST_CLASSES = 10_000  # different names that a pickle looks up; each becomes a class of its own

Resolve = Callable[[str, str], Any]
"""(module, name) -> what a pickle gets in the place of that class or function."""


class Inert:
    """Accepts any arguments from a pickle, and does nothing with them."""

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        """Do nothing; else a pickle could set attributes, even of the class, for all later files."""


class StatefulInert(Inert):
    """An object of a class that is not here; `state` is the dictionary that the file sets as its state."""

    state: Mapping[str, Any] = MappingProxyType({})

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.state = state


class Allowed:
    """A function that a file may call; unlike a Python function, a pickle cannot change it."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, _: Any) -> None:
        raise UnsafePickle("it changes a function")


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that imports nothing: every name resolves to a stand-in of the caller.

    Args:
        resolve: (module, name) -> a class of inert objects, or an `Allowed` function; raises UnsafePickle.
        load_external: persistent id -> object outside the pickle; None = there must be none.
    """

    def __init__(
        self, stream: IO[bytes], resolve: Resolve, load_external: Callable[[Any], Any] | None = None
    ) -> None:
        super().__init__(stream, encoding="latin1")
        self._resolve, self._load_external = resolve, load_external
        self._classes: dict[tuple[str, str], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._classes:
            if len(self._classes) >= _MOST_CLASSES:
                raise UnsafePickle(f"it has more than {_MOST_CLASSES:,} names of classes and functions")
            self._classes[module, name] = self._resolve(module, name)
        return self._classes[module, name]

    def persistent_load(self, pid: Any) -> Any:
        if self._load_external is None:
            raise UnsafePickle("it refers to objects outside itself")
        return self._load_external(pid)


def load(stream: IO[bytes], resolve: Resolve, load_external: Callable[[Any], Any] | None = None) -> Any:
    """Check the pickle that begins at the stream's position, then read it. Arguments as `RestrictedUnpickler`.

    The stream is behind the pickle afterwards.

    Raises:
        UnsafePickle: it requests what no file of its kind needs, or more than `pickle_budgets` allows.
        Exception: a broken program may raise anything; there is no closed list.
    """
    start = stream.tell()
    check_program(stream, exceptions=() if load_external is None else {"BINPERSID"})
    end = stream.tell()
    stream.seek(start)
    content = RestrictedUnpickler(stream, resolve, load_external).load()
    stream.seek(end)
    return content


def as_tuple(*arguments: Any) -> tuple[Any, ...]:
    """Return the first argument as a tuple if it is a list or a tuple; else ()."""
    return tuple(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else ()


def short_line(error: Exception) -> str:
    """Return the message of an error as one short line, whatever the file put into it."""
    return errors.one_line(error, 200)
