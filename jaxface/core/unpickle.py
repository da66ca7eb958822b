"""Reading foreign pickles: a check of the program before it runs, and objects that do nothing.

A pickle is a program: it may name any function on the machine and call it. The readers (face models in
`face/loaders/unpickle.py`, PyTorch checkpoints in `classify/checkpoints/torch_pickle.py`) let it name nothing
but stand-ins that remember what the file said.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import IO, Any

from jaxface.core import errors

_FORBIDDEN = frozenset({"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"})


Resolve = Callable[[str, str], Any]
"""(module, name) -> what a pickle gets in the place of that class or function."""


class UnsafePickle(pickle.UnpicklingError):
    """A pickle that requests something that no file of its kind needs."""


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

    def find_class(self, module: str, name: str) -> Any:
        return self._resolve(module, name)

    def persistent_load(self, pid: Any) -> Any:
        if self._load_external is None:
            raise UnsafePickle("it refers to objects outside itself")
        return self._load_external(pid)


def load(stream: IO[bytes], resolve: Resolve, load_external: Callable[[Any], Any] | None = None) -> Any:
    """Check the pickle that begins at the stream's position, then read it. Arguments as `RestrictedUnpickler`.

    The stream is behind the pickle afterwards.

    Raises:
        UnsafePickle: it requests what no file of its kind needs.
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


def check_program(stream: IO[bytes], exceptions: Collection[str] = ()) -> None:
    """Check, before anything is built, for instructions that no file needs or that exhaust the memory.

    Args:
        stream: at the pickle's first byte; afterwards behind its last one.
        exceptions: instructions that this kind of file does need.
    Raises:
        UnsafePickle: a forbidden instruction, or one that claims more memory than the file can need.
        Exception: `pickletools` has no closed list for incomplete programs.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if opcode.name in _FORBIDDEN and opcode.name not in exceptions:
            raise UnsafePickle(f"pickle instruction {opcode.name} is not allowed in such a file")
        if opcode.name.endswith("PUT") and int(argument or 0) > count + 1:
            raise UnsafePickle(f"pickle instruction {opcode.name} {argument} reaches out of the file")


def one_line(error: Exception) -> str:
    """Return the message of an error as one short line, whatever the file put into it."""
    return errors.one_line(error, 200)
