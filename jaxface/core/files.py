"""Reading files that others made: regular files alone, of bounded size, depth and numbers.

A pipe would be waited for and a device read for ever; a small text can ask for minutes of parsing. Each
function takes the error of its room, which is raised with one line that names the path.
"""

import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxface.core.errors import JaxfaceError

LARGEST_TOML = 2**20
LARGEST_TEXT = 64 * 2**20
_MOST_VALUES, _MOST_CONTAINERS = 4 * 10**6, 10**6  # of JSON; empty lists take thirty times their text
DEEPEST = 32
"""Levels of tables and lists in a TOML or JSON file."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_LITERALS = re.compile(
    r'"""(?:\\.|[^\\])*?"""|' r"'''.*?'''|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|" r"#[^\n]*", re.DOTALL
)
_DOTTED = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{DEEPEST}}}")


def expand_home(path: str | Path) -> Path:
    """Return a path with `~` as the user's home folder; as it is where there is no such user or home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def require_regular_file(
    path: str | Path, error: type[JaxfaceError], *, what: str = "file", largest: int | None = None
) -> Path:
    """Return the path if a regular file is there that is not too large; links are followed.

    Args:
        error: class of what is raised.
        what: describes the file, such as "config file".
        largest: bytes; None = any number.

    Raises:
        error: no such file, a folder, pipe or device, too large, or no possible name.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise error(f"no {what} at {path}") from None
    except ValueError:  # NUL, lone surrogates
        raise error(f"{str(path)!r} cannot be the name of a {what}") from None
    except OSError as problem:  # name too long, no permission, a loop of links
        raise error(f"{path} cannot be read: {problem.strerror}; name a {what}") from None
    for is_kind, kind in _KINDS:
        if is_kind(status.st_mode):
            raise error(f"{path} is {kind}; name a {what}")
    if largest is not None and status.st_size > largest:
        raise error(f"{path} has {status.st_size:,} bytes; a {what} has at most {largest:,}")
    return Path(path)


def read_bytes(path: str | Path, error: type[JaxfaceError], *, what: str = "file", largest: int) -> bytes:
    """Return the bytes of a regular file of at most `largest`.

    Raises:
        error: as `require_regular_file`, or it cannot be read.
    """
    require_regular_file(path, error, what=what, largest=largest)
    try:
        with open(path, "rb") as file:
            content = file.read(largest + 1)  # it may grow, and files of /proc have no size
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror or problem}") from None
    if len(content) > largest:
        raise error(f"{path} has more than {largest:,} bytes; a {what} has at most those")
    return content


def read_text(
    path: str | Path,
    error: type[JaxfaceError],
    *,
    what: str = "file",
    largest: int = LARGEST_TEXT,
    encoding: str = "utf-8-sig",
) -> str:
    """Return the text of a regular file; a byte order mark is dropped.

    Raises:
        error: as `read_bytes`, or it is no text in this encoding.
    """
    content = read_bytes(path, error, what=what, largest=largest)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        name = encoding.removesuffix("-sig").upper()
        raise error(f"{path} cannot be read: byte {problem.start} is not {name}; save it as {name}") from None


def read_toml(
    path: str | Path, error: type[JaxfaceError], *, what: str = "file", largest: int = LARGEST_TOML
) -> dict[str, Any]:
    """Return the table of a TOML file.

    Raises:
        error: as `read_text`, not TOML, too deep, or a whole number of more than 64 bits.
    """
    text = read_text(path, error, what=what, largest=largest)
    if _DOTTED.search(_LITERALS.sub("s", text)):
        raise error(f"{path} is nested too deep: a {what} has at most {DEEPEST} levels")
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise error(f"{path} is nested too deep: a {what} has at most {DEEPEST} levels") from None
    except ValueError as problem:  # TOMLDecodeError is one; so are numbers of thousands of digits
        raise error(f"{path} is not valid TOML: {problem}") from None
    _require_plain(table, path, error, what)
    return table


def read_json(
    path: str | Path, error: type[JaxfaceError], *, what: str = "file", largest: int = LARGEST_TEXT
) -> Any:
    """Return the content of a JSON file.

    Raises:
        error: as `read_text`, not JSON, too deep, or a whole number of more than 64 bits.
    """
    text = read_text(path, error, what=what, largest=largest)
    return parse_json(text, path, error, what=what)


def parse_json(text: str, path: str | Path, error: type[JaxfaceError], *, what: str = "file") -> Any:
    """Return the content of JSON text that came from `path`.

    Raises:
        error: as `read_json`.
    """
    if text.count("[") + text.count("{") > _MOST_CONTAINERS or text.count(",") > _MOST_VALUES:
        raise error(f"{path} has more than {_MOST_VALUES:,} values or {_MOST_CONTAINERS:,} lists: no {what}")
    try:
        content = json.loads(text)
    except RecursionError:
        raise error(f"{path} is nested too deep: a {what} has at most {DEEPEST} levels") from None
    except ValueError as problem:
        raise error(f"{path} is not valid JSON: {problem}") from None
    _require_plain(content, path, error, what)
    return content


def _require_plain(content: Any, path: str | Path, error: type[JaxfaceError], what: str) -> None:
    """Check depth and numbers, level by level: recursion would end where the file wants."""
    level: list[tuple[str, Any]] = [("", content)]
    for _ in range(DEEPEST + 1):
        deeper: list[tuple[str, Any]] = []
        for key, value in level:
            if isinstance(value, int) and not -(2**63) <= value < 2**64:
                bits = value.bit_length()
                raise error(f"{path}: {key or 'it'} is a number of {bits:,} bits; at most 64 are read")
            if isinstance(value, Mapping):
                named = ((f"{key}.{name}" if key else str(name), item) for name, item in value.items())
                deeper += (pair for pair in named if isinstance(pair[1], int | list | Mapping))
            elif isinstance(value, list):
                deeper += ((key, item) for item in value if isinstance(item, int | list | Mapping))
        if not deeper:
            return
        level = deeper
    raise error(f"{path} is nested too deep: a {what} has at most {DEEPEST} levels")
