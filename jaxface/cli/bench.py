"""`jaxface bench SUITE`: what rendering, classifying, searching, testing and whole audits cost here."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from jaxface import bench
from jaxface.bench import harness
from jaxface.cli import options


@dataclass(frozen=True)
class Bench:
    """Measure, and print a JSON line a case: compile and run seconds, CPU time, memory, device, commit.

    For figures that compare, one core: taskset -c 0 jaxface bench SUITE. Programs are compiled anew, so
    that their time is known.
    """

    config: str | None = None
    """TOML file with these settings; flags win over it."""

    out: Path | None = None
    """Where lines are added, too: a .jsonl file, or a folder for dated files; none = stdout alone."""

    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress on stderr."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        if argv:
            raise SystemExit(0)  # as tyro does
        return 2
    suite = bench.load(argv[0])
    command: Any = options.parse(command_of(suite), f"bench {suite.name}", argv[1:])
    path = None if command.out is None else harness.results_file(command.out, suite.name)
    for row in suite.run(command.settings):
        stamped = harness.stamp(row)
        print(json.dumps(stamped), flush=True)
        if path is not None:
            harness.append(path, stamped)
        if not command.quiet and not sys.stdout.isatty():
            print(f"bench {suite.name}: {row['name']}", file=sys.stderr, flush=True)
    if path is not None and not command.quiet:
        print(f"bench {suite.name}: added to {path}", file=sys.stderr)
    return 0


def command_of(suite: bench.Suite) -> Any:
    """`Bench` with the settings of one suite."""
    settings = (
        "settings",
        Annotated[suite.settings, tyro.conf.arg(name="")],
        dataclasses.field(default_factory=suite.settings),
    )
    made = dataclasses.make_dataclass("Bench", [settings], bases=(Bench,), frozen=True)
    made.__doc__ = Bench.__doc__
    return made()


def usage() -> str:
    """What `jaxface bench --help` prints."""
    width = max(map(len, bench.SUITES)) + 2
    lines = [f"  {name:{width}}{about}" for name, about in bench.SUITES.items()]
    return "\n".join(
        [
            "usage: jaxface bench SUITE [OPTIONS]",
            "",
            "suites:",
            *lines,
            "",
            "`jaxface bench SUITE --help` tells its options; all take --config FILE, --out PATH and --quiet.",
        ]
    )
