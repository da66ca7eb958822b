"""The gate of a command: `--fail-on`, its exit code, and its files for machines."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from jaxface.audit import gate_files, gates
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Gate:
    """A command that can fail on what it measured; it has `fail_on`, too, in its own words."""

    allow_unmeasured: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Let --fail-on pass over what cannot be judged: no score, not measurable, too few people."""

    gate_json: Path | None = None
    """File for what --fail-on found, as JSON: every limit held against every classifier and expression."""

    gate_junit: Path | None = None
    """The same as JUnit XML, which CI systems show as tests."""


def parse(command: Gate, fail_on: Sequence[str], measures: Sequence[str]) -> list[gates.Limit]:
    """Return the limits of a command.

    Raises:
        ConfigError: one is none, or there is none for a file to hold.
    """
    if not fail_on and (command.gate_json or command.gate_junit):
        flag = "--gate-json" if command.gate_json else "--gate-junit"
        raise ConfigError(f'{flag} holds what --fail-on finds; give it a limit, such as --fail-on "score>0.01"')
    return [gates.parse(text, measures) for text in fail_on]


def write_files(
    command: Gate, run: str, limits: Sequence[gates.Limit], outcomes: Sequence[gates.Outcome]
) -> None:
    """Write the files that the command asks for.

    Args:
        run: its folder, or folders.
    """
    if command.gate_json:
        gate_files.write_json(command.gate_json, run, limits, outcomes)
    if command.gate_junit:
        gate_files.write_junit(command.gate_junit, run, outcomes)


def exit_code(outcomes: Sequence[gates.Outcome]) -> int:
    """Print what `--fail-on` found, and return the exit code of the command."""
    lines = gates.failures(outcomes)
    for line in lines:
        print(f"jaxface: gate: {line}", file=sys.stderr)
    return 1 if lines else 0
