"""From an argument list to a command's dataclass: defaults < TOML < flags, errors in one line.

tyro turns dataclasses into flags. It does not read files, so the file of `--config` is read first and becomes
tyro's defaults; `--config` itself is a field of the command, so that `--help` shows it.
"""

import argparse
import contextlib
import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import tyro

import jaxface
from jaxface.cli import flags
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, suggestion

_BOX = "╭╮╰╯│─ "


class Command(Protocol):
    """A command's dataclass: `settings` has the keys of a TOML file, `config` the name of that file."""

    @property
    def settings(self) -> Any: ...

    @property
    def config(self) -> str | None: ...


@dataclass(frozen=True)
class Configured:
    """A command whose settings may come from a file."""

    config: str | None = None
    """TOML file with these settings; flags override it."""


@dataclass(frozen=True)
class Quiet:
    """A command that shows its progress."""

    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print no progress to stderr."""


T = TypeVar("T")
C = TypeVar("C", bound=Command)


def parse(default: C, name: str, argv: Sequence[str]) -> C:
    """Return `default` with the values of the config file and the flags in `argv`.

    Raises:
        ConfigError: the command does not know a flag or a value, or the config file cannot be used.
        SystemExit: with code 0, after `--help`.
    """
    file = config_argument(argv)
    if file is not None:
        settings = load_toml(type(default.settings), find_config(file))
        default = dataclasses.replace(default, settings=settings)  # type: ignore[type-var]
    return parse_flags(default, name, argv)


def parse_flags(default: T, name: str, argv: Sequence[str]) -> T:
    """Return `default` with the flags in `argv`; for commands without a config file, too."""
    stderr = io.StringIO()
    try:
        with contextlib.redirect_stderr(stderr):
            command: T = flags.parse(default, f"jaxface {name}", argv)
            return command
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        message = flags.in_plain_words(box_text(stderr.getvalue()), type(default), argv)
        raise ConfigError(f"{message} (see jaxface {name} --help)") from None


@dataclass(frozen=True)
class Subcommands:
    """A command with one subcommand for each entry of a registry.

    Attributes:
        command: its name.
        kind: of the entries, plural.
        registry: name -> description, for `--help`.
        shared_options: the options that all subcommands have.
    """

    command: str
    kind: str
    registry: Mapping[str, str]
    shared_options: str

    def print_usage(self, argv: Sequence[str]) -> int | None:
        """Print the usage if `argv` names no subcommand.

        Returns:
            the exit code, or None if there is a subcommand.

        Raises:
            SystemExit: with code 0, after `--help`.
        """
        if argv and argv[0] not in ("-h", "--help"):
            return None
        print(self.usage())
        if argv:
            raise SystemExit(0)  # as tyro does
        return 2

    def usage(self) -> str:
        """Return the text of `--help`."""
        metavar = self.kind.removesuffix("s").upper()
        width = max(map(len, self.registry)) + 2
        return "\n".join(
            [
                f"usage: jaxface {self.command} {metavar} [OPTIONS]",
                "",
                f"{self.kind}:",
                *(f"  {name:{width}}{description}" for name, description in self.registry.items()),
                "",
                f"`jaxface {self.command} {metavar} --help` lists its options; all have {self.shared_options}.",
            ]
        )


def with_settings(command: type, settings: type) -> Any:
    """Return a command's dataclass with a field `settings` of this type, whose fields are flags."""
    field = ("settings", flat(settings), dataclasses.field(default_factory=settings))
    subclass = dataclasses.make_dataclass(command.__name__, [field], bases=(command,), frozen=True)
    subclass.__doc__ = command.__doc__
    return subclass()


def flat(settings: type) -> Any:
    """Return a dataclass whose fields are flags without a prefix."""
    return Annotated[settings, tyro.conf.arg(name="")]


def run_folder(config: str | None, default: str) -> Path:
    """Return runs/ and the name of the config, or `default` without one."""
    return Path("runs") / (Path(config).stem if config else default)


def config_argument(argv: Sequence[str]) -> str | None:
    """Return the value of `--config`, or None. tyro refuses a `--config` without a value."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", nargs="?")
    value: str | None = parser.parse_known_args(list(argv))[0].config
    return value


def find_config(name: str) -> Path:
    """Return the file of a config: a path, or the name of a bundled one.

    Raises:
        ConfigError: it is neither; the message suggests the closest name.
    """
    path = Path(name)
    if path.is_file():
        return path
    configs = {file.stem: file for folder in config_folders() for file in sorted(folder.glob("*.toml"))}
    if name in configs:
        return configs[name]
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; --config must be a TOML file, or one of: {', '.join(configs)}")
    if path.suffix or len(path.parts) > 1:
        raise ConfigError(f"no config file at {path}")
    raise ConfigError(f"no config file and no bundled config {name!r}{suggestion(name, configs)}")


def config_folders() -> list[Path]:
    """Return the folders of bundled configs: inside an installed wheel, or beside the package in a checkout."""
    package = Path(jaxface.__file__).parent
    return [folder for folder in (package / "configs", package.parent / "configs") if folder.is_dir()]


def box_text(box: str) -> str:
    """Return the message of a tyro box before its first rule, and the flag that it suggests."""
    rows = [row.strip(_BOX) if set(row.strip("│ ")) - {"─"} else "" for row in box.splitlines()[1:]]
    end = rows.index("") if "" in rows else len(rows)
    message = " ".join(rows[:end]).rstrip(".")
    suggestions = [
        rows[index + 1].split()[0] for index, row in enumerate(rows[:-1]) if row.startswith("Perhaps you meant")
    ]
    return message + (f", did you mean {suggestions[0]}?" if suggestions else "")
