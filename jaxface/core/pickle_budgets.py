"""Budgets of foreign pickles: what a program would build is added up before any of it is built.

A file of a megabyte can ask for tuples nested 10^6 deep, whose hash ends the interpreter, for tuples that hold
each other twice and have 2^30 parts, for millions of objects, or for thousands of copies of one text.
"""

import pickle
import pickletools
from collections.abc import Collection
from typing import IO, Any

OPCODES = 2_000_000
CONTAINERS = 1_000_000
NAMES = 100_000
"""Classes and functions that a pickle may look up."""
DEEPEST = 1000
"""Levels of containers; Python writes no deeper ones itself."""
LARGEST_NUMBER = 1024
"""Bits of a whole number."""
LARGE_NUMBERS = 10_000
"""Whole numbers of more than 64 bits: their hashes can be made to collide."""
COPIES = 1 << 26
"""Bytes that calls may copy beside those of the program."""
HASHED = 1 << 27
"""Parts of keys, in bytes, that may be hashed."""

_FORBIDDEN = frozenset({"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"})
_PART = 32  # bytes that one part of a container counts
_ATOM = (0, _PART)

_EMPTY = frozenset({"EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "EMPTY_TUPLE"})
_FROM_MARK = frozenset({"TUPLE", "LIST", "DICT", "FROZENSET"})
_CALLS_FROM_MARK = frozenset({"OBJ", "INST"})
_FROM_TOP = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CALLS = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
_FILLS_FROM_MARK = {"APPENDS": 1, "SETITEMS": 2, "ADDITEMS": 1}
_FILLS = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}
_ATOMS = frozenset(
    opcode.name
    for opcode in pickletools.opcodes
    if not opcode.stack_before and len(opcode.stack_after) == 1 and opcode.name != "MARK"
) - {*_EMPTY, "GLOBAL", "INST", "GET", "BINGET", "LONG_BINGET", "EXT1", "EXT2", "EXT4"}
_LOOKUPS = frozenset({"GLOBAL", "INST", "STACK_GLOBAL"})

Cell = Any
"""(depth, bytes of all parts) of an object on the stack; a list for what can still be filled."""


class UnsafePickle(pickle.UnpicklingError):
    """A pickle that requests something that no file of its kind needs."""


def check_program(stream: IO[bytes], exceptions: Collection[str] = ()) -> None:
    """Check, before anything is built, for instructions that no file needs or that exhaust the machine.

    Args:
        stream: at the pickle's first byte; afterwards behind its last one.
        exceptions: instructions that this kind of file does need.
    Raises:
        UnsafePickle: a forbidden instruction, or one beyond the budgets.
        Exception: `pickletools` has no closed list for incomplete programs.
    """
    forbidden = _FORBIDDEN - frozenset(exceptions)
    machine = _Machine()
    for count, (opcode, argument, position) in enumerate(pickletools.genops(stream)):
        if opcode.name in forbidden:
            raise UnsafePickle(f"pickle instruction {opcode.name} is not allowed in such a file")
        if count >= OPCODES:
            raise UnsafePickle(f"it has more than {OPCODES:,} pickle instructions")
        if opcode.name.endswith("PUT") and int(argument or 0) > count + 1:
            raise UnsafePickle(f"pickle instruction {opcode.name} {argument} reaches out of the file")
        machine.step(opcode.name, argument, position or 0)


class _Machine:
    """The stack machine of pickle, with depths and sizes in the place of objects."""

    def __init__(self) -> None:
        self.stack: list[Cell] = []
        self.outer_stacks: list[list[Cell]] = []  # one for each mark
        self.memo: dict[int, Cell] = {}
        self.containers = self.names = self.large_numbers = self.copied = self.hashed = 0

    def step(self, name: str, argument: Any, position: int) -> None:
        """Do what an instruction does to the stack, and check the budgets.

        Args:
            position: bytes of the program so far.
        """
        stack = self.stack
        if name in _ATOMS:
            stack.append(self._atom(argument))
            return
        if name in _LOOKUPS:
            self.names = _count(self.names, NAMES, "names of classes and functions")
        if name == "MARK":
            self.outer_stacks.append(stack)
            self.stack = []
        elif name in _EMPTY:
            self._push_container([])
        elif name in _FROM_MARK:
            parts = self._pop_to_mark()
            if name in ("DICT", "FROZENSET"):
                self._hash(parts[:: 2 if name == "DICT" else 1])
            self._push_container(parts)
        elif name in _FROM_TOP:
            self._push_container(self._pop(_FROM_TOP[name]))
        elif name in _CALLS or name in _CALLS_FROM_MARK:
            parts = self._pop(_CALLS[name]) if name in _CALLS else self._pop_to_mark()
            self._copy(parts, position)
            self._push_container(parts)
        elif name in _FILLS_FROM_MARK:
            self._fill(self._pop_to_mark(), _FILLS_FROM_MARK[name], name)
        elif name in _FILLS:
            self._fill(self._pop(_FILLS[name]), _FILLS[name], name)
        elif name.endswith("PUT"):
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name.endswith("GET"):
            stack.append(self.memo[int(argument)])
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP":
            if stack:
                stack.pop()
            else:
                self._pop_to_mark()
        elif name == "POP_MARK":
            self._pop_to_mark()
        elif name in ("GLOBAL", "STACK_GLOBAL", "BINPERSID"):
            if name != "GLOBAL":
                self._pop(2 if name == "STACK_GLOBAL" else 1)
            stack.append(_ATOM)

    def _atom(self, argument: Any) -> Cell:
        if isinstance(argument, str | bytes | bytearray):
            return (0, _PART + len(argument)) if argument else _ATOM
        if isinstance(argument, int) and argument.bit_length() > 64:
            if argument.bit_length() > LARGEST_NUMBER:
                raise UnsafePickle(f"it has a whole number of {argument.bit_length():,} bits")
            self.large_numbers = _count(self.large_numbers, LARGE_NUMBERS, "whole numbers beyond 64 bits")
        return _ATOM

    def _push_container(self, parts: list[Cell]) -> None:
        self.containers = _count(self.containers, CONTAINERS, "objects")
        cell = [1, _PART]
        _add(cell, parts)
        self.stack.append(cell)

    def _fill(self, parts: list[Cell], step: int, name: str) -> None:
        if name in ("SETITEM", "SETITEMS", "ADDITEMS"):
            self._hash(parts[::step])
        _add(self.stack[-1], parts)

    def _hash(self, keys: list[Cell]) -> None:
        """Count what a hash of these keys reads; those of texts are computed once."""
        self.hashed += sum(size for depth, size in keys if depth)
        if self.hashed > HASHED:
            raise UnsafePickle("its keys have too many parts")

    def _copy(self, parts: list[Cell], position: int) -> None:
        """Count what a call may copy of its arguments."""
        self.copied += sum(size for _, size in parts)
        if self.copied > COPIES + 4 * position:
            raise UnsafePickle("it copies one content again and again")

    def _pop(self, count: int) -> list[Cell]:
        if len(self.stack) < count:
            raise pickle.UnpicklingError("an instruction lacks its arguments")
        parts = self.stack[-count:]
        del self.stack[-count:]
        return parts

    def _pop_to_mark(self) -> list[Cell]:
        parts, self.stack = self.stack, self.outer_stacks.pop()
        return parts


def _add(cell: Cell, parts: list[Cell]) -> None:
    """Add parts to a container; what is no container (an object from outside) stays as it is."""
    if not isinstance(cell, list):
        return
    for depth, size in parts:
        if depth >= cell[0]:
            cell[0] = depth + 1
        cell[1] += size
    if cell[0] > DEEPEST:
        raise UnsafePickle(f"it has containers nested more than {DEEPEST:,} deep")


def _count(number: int, limit: int, what: str) -> int:
    if number >= limit:
        raise UnsafePickle(f"it has more than {limit:,} {what}")
    return number + 1
