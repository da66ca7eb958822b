"""Reading foreign pickles: a check of the program before it runs, and objects that do nothing.

A pickle is a program: it may name any function on the machine and call it. The readers (face models in
`face/load/unpickle.py`, PyTorch checkpoints in `classify/checkpoints/torch_pickle.py`) let it name nothing
but stand-ins that remember what the file said.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Collection
from typing import IO, Any

_FORBIDDEN = frozenset({"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"})


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


class Allowed:
    """A function that a file may call; unlike a Python function, a pickle cannot change it."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, _: Any) -> None:
        raise UnsafePickle("it changes a function")


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
    return " ".join(str(error).split())[:200]
