"""What readers of foreign pickles share: a check of the program before it runs, and objects that do nothing.

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
    """A pickle that asks for something that no file of its kind needs."""


class Inert:
    """Takes whatever a pickle hands over, and does nothing with it."""

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        """Nothing; without it a pickle could set attributes, of the class itself too, for all files to come."""


class Allowed:
    """What a file may call; unlike a Python function it cannot be changed from a pickle."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, _: Any) -> None:
        raise UnsafePickle("it changes a function")


def check_program(stream: IO[bytes], allowed: Collection[str] = ()) -> None:
    """Refuse, before anything is built, what no file needs and what could exhaust the memory.

    Args:
        stream: stands at the pickle's first byte, and behind its last one afterwards.
        allowed: instructions that this kind of file needs all the same.
    Raises:
        UnsafePickle: a forbidden instruction, or one that claims more memory than the file can need.
        Exception: whatever `pickletools` says of a program that is not whole; there is no closed list.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if opcode.name in _FORBIDDEN and opcode.name not in allowed:
            raise UnsafePickle(f"pickle instruction {opcode.name} is not allowed in such a file")
        if opcode.name.endswith("PUT") and int(argument or 0) > count + 1:
            raise UnsafePickle(f"pickle instruction {opcode.name} {argument} reaches out of the file")


def one_line(error: Exception) -> str:
    """What an error says, whatever the file put into it."""
    return " ".join(str(error).split())[:200]
