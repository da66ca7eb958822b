"""What tyro does not know of our flags: choices from registries, whole paragraphs, refusals in plain words."""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    StructConstructorSpec,
    StructTypeInfo,
)

from jaxface.core.checks import OneOf
from jaxface.core.errors import suggestion

_WORDS = {int: ("a whole number", "whole numbers"), float: ("a number", "numbers"), str: ("a word", "words")}
_BAD_VALUE = re.compile(r"Error parsing (\S+):")
_BAD_CHOICE = re.compile(r"invalid choice '(.*)' for argument '(\S+)'\. Expected one of \((.*)\)")
_NO_VALUE = re.compile(r"Missing value for argument '(\S+)'")


def with_choices() -> ConstructorRegistry:
    """Return rules for tyro by which a field that is one of a registry's names shows these names."""
    registry = ConstructorRegistry()
    is_nested = False

    @registry.struct_rule
    def show_choices(info: StructTypeInfo) -> StructConstructorSpec | None:
        nonlocal is_nested
        if is_nested or not dataclasses.is_dataclass(info.type):
            return None
        is_nested = True  # ask the other rules, not this one
        try:
            spec = ConstructorRegistry.get_struct_spec(info)
        finally:
            is_nested = False
        if not isinstance(spec, StructConstructorSpec):
            return None
        fields = tuple(
            dataclasses.replace(field, type=_with_names(field.type), helptext=_paragraph(field.helptext))
            for field in spec.fields
        )
        return dataclasses.replace(spec, fields=fields)

    return registry


def _with_names(hint: Any) -> Any:
    """Return a type whose `OneOf` is replaced by what tyro shows: {one,other}. The config checks the name."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        base, *metadata = arguments
        metadata = [_choice(item.names) if isinstance(item, OneOf) else item for item in metadata]
        return Annotated[(_with_names(base), *metadata)]
    if origin is tuple:
        return origin[tuple(_with_names(argument) for argument in arguments)]
    return hint


def _paragraph(text: str | Callable[[], str | None] | None) -> Any:
    """Return a help text without the line breaks of its source, so that it fills the lines of a terminal."""
    if callable(text):
        return lambda: _paragraph(text())
    return None if text is None else " ".join(text.split())


def _choice(names: typing.Collection[str]) -> PrimitiveConstructorSpec[str]:
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="{" + ",".join(names) + "}",
        instance_from_str=lambda values: values[0],
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [value],
    )


def in_plain_words(message: str, command: type, argv: Sequence[str]) -> str:
    """Return tyro's refusal of a value as "--flag value: must be a whole number"; another message as it is.

    Args:
        command: the dataclass of the command.
    """
    if match := _BAD_CHOICE.search(message):
        names = re.findall(r"'([^']*)'", match[3])
        return f"{match[2]} {match[1]!r}{suggestion(match[1], names)}"
    if match := _NO_VALUE.search(message):
        return f"{match[1]}: its value is missing{_rule(command, match[1], '; must be ')}"
    if match := _BAD_VALUE.search(message):
        for flag in match[1].split("/"):
            if (values := _values(flag, argv)) is not None and (rule := _rule(command, flag, ": must be ")):
                return f"{flag} {' '.join(values)}{rule}"
    return message


def _values(flag: str, argv: Sequence[str]) -> list[str] | None:
    """Return what stands behind a flag; None where the flag is not there."""
    for index, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") != flag.replace("_", "-"):
            continue
        values = [value] if equals else []
        for other in argv[index + 1 :]:
            if re.match(r"--?[a-zA-Z]", other):
                break
            values.append(other)
        return values
    return None


def _rule(command: type, flag: str, before: str) -> str:
    """Return what the values of a flag must be, after some words; "" where that is not known."""
    hint = _find(command, flag.lstrip("-").replace("-", "_").split("."))
    words = "" if hint is None else describe(hint)
    return before + words if words else ""


def _find(command: Any, path: Sequence[str]) -> Any:
    """Return the type of the field that a flag sets, or None."""
    hints = typing.get_type_hints(command, include_extras=True)
    for field in dataclasses.fields(command):
        hint = hints[field.name]
        base, *metadata = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
        is_table = dataclasses.is_dataclass(base)
        has_no_prefix = any(getattr(item, "name", None) == "" for item in metadata)
        if is_table and has_no_prefix and (inner := _find(base, path)) is not None:
            return inner
        aliases = [name for item in metadata for name in getattr(item, "aliases", None) or ()]
        names = {field.name, *(alias.lstrip("-").replace("-", "_") for alias in aliases)}
        if path[0] in names:
            if len(path) == 1:
                return hint
            return _find(base, path[1:]) if is_table else None
    return None


def describe(hint: Any, plural: bool = False) -> str:
    """Return in words what a value of a type is, such as "a whole number, or None"; "" where there are none."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        for item in arguments[1:]:
            if isinstance(item, OneOf):
                return _any_of(item.names)
        return describe(arguments[0], plural)
    if origin is typing.Literal:
        return _any_of(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return ", or ".join("None" if kind is type(None) else describe(kind, plural) for kind in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        inner = typing.get_origin(arguments[0])
        if inner is tuple:
            return f"groups of {describe(arguments[0])}"
        return describe(arguments[0], plural=True)
    if origin is tuple:
        return f"{len(arguments)} {describe(arguments[0], plural=True)}"
    if hint is bool:
        return "True or False"
    if hint is Path:
        return "paths" if plural else "a path"
    return _WORDS.get(hint, ("", ""))[plural]


def _any_of(names: typing.Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def parse(command: Any, prog: str, argv: Sequence[str]) -> Any:
    """Return a command's dataclass with the values of the flags."""
    return tyro.cli(type(command), prog=prog, default=command, args=list(argv), registry=with_choices())
