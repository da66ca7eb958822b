"""From an argument list to a command's dataclass: defaults < TOML < flags, errors in one line.

tyro turns dataclasses into flags. It does not read files, so the file that `--config` names is read
first and becomes tyro's defaults; `--config` itself is a field of the command, so that `--help` shows it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import tyro

import jaxface
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, suggestion

_BOX = "╭╮╰╯│─ "


class Command(Protocol):
    """A command's dataclass: `settings` is what a TOML file may hold, and `config` the name of that file."""

    @property
    def settings(self) -> Any: ...

    @property
    def config(self) -> str | None: ...


T = TypeVar("T")
C = TypeVar("C", bound=Command)


def parse(default: C, name: str, argv: Sequence[str]) -> C:
    """The command that `argv` describes, starting from `default`.

    Raises:
        ConfigError: a flag or a value that the command does not know, or a config file that cannot be used.
        SystemExit: with code 0, after `--help`.
    """
    file = config_argument(argv)
    if file is not None:
        settings = load_toml(type(default.settings), find_config(file))
        default = dataclasses.replace(default, settings=settings)  # type: ignore[type-var]
    return parse_flags(default, name, argv)


def parse_flags(default: T, name: str, argv: Sequence[str]) -> T:
    """`default` with the flags of `argv`; for commands that read no config file too."""
    stderr = io.StringIO()
    try:
        with contextlib.redirect_stderr(stderr):
            return tyro.cli(type(default), prog=f"jaxface {name}", default=default, args=list(argv))
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ConfigError(f"{one_line(stderr.getvalue())} (see jaxface {name} --help)") from None


def config_argument(argv: Sequence[str]) -> str | None:
    """The value of `--config`, or None. A `--config` without a value is left for tyro to refuse."""
    for index, argument in enumerate(argv):
        if argument.startswith("--config="):
            return argument.partition("=")[2]
        if argument == "--config" and index + 1 < len(argv) and not argv[index + 1].startswith("-"):
            return argv[index + 1]
    return None


def find_config(name: str) -> Path:
    """The file of a config: a path, or the name of one that jaxface brings along.

    Raises:
        ConfigError: neither; the message names the closest.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = {file.stem: file for folder in config_folders() for file in sorted(folder.glob("*.toml"))}
    if name in known:
        return known[name]
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; --config wants a TOML file, or one of: {', '.join(known)}")
    if path.suffix or len(path.parts) > 1:
        raise ConfigError(f"no config file at {path}")
    raise ConfigError(f"no config file and no bundled config {name!r}{suggestion(name, known)}")


def config_folders() -> list[Path]:
    """Where bundled configs lie: inside an installed wheel, or beside the package in a checkout."""
    package = Path(jaxface.__file__).parent
    return [folder for folder in (package / "configs", package.parent / "configs") if folder.is_dir()]


def one_line(box: str) -> str:
    """What a box of tyro's says before its first rule, and the flags that it suggests."""
    rows = [row.strip(_BOX) if set(row.strip("│ ")) - {"─"} else "" for row in box.splitlines()[1:]]
    end = rows.index("") if "" in rows else len(rows)
    message = " ".join(rows[:end]).rstrip(".")
    meant = [
        rows[index + 1].split()[0] for index, row in enumerate(rows[:-1]) if row.startswith("Perhaps you meant")
    ]
    return message + (f", did you mean {meant[0]}?" if meant else "")
