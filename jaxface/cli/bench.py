"""`jaxface bench SUITE`: the cost of rendering, classifying, searching, testing and whole audits."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxface import bench
from jaxface.cli import options
from jaxface.cli.options import Subcommands

SUBCOMMANDS = Subcommands("bench", "suites", bench.SUITES, "--config FILE, --out PATH and --quiet")


@dataclass(frozen=True)
class Bench(options.Configured, options.Quiet):
    """Print a JSON line for each case: compile and run seconds, CPU time, memory, device, commit.

    For figures that can be compared, use one core: taskset -c 0 jaxface bench SUITE. Programs are always
    compiled, so that the time of compiling is measured.
    """

    out: Path | None = None
    """Also append the lines to this .jsonl file, or to a dated file in this folder; none = stdout only."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    if (code := SUBCOMMANDS.print_usage(argv)) is not None:
        return code
    name = argv[0]
    command: Any = options.parse(command_of(bench.load_settings(name)), f"bench {name}", argv[1:])
    from jaxface.bench import harness

    suite = bench.load(name)
    path = None if command.out is None else harness.results_file(command.out, suite.name)
    for row in suite.run(command.settings):
        record = harness.stamp(row)
        print(json.dumps(record), flush=True)
        if path is not None:
            harness.append(path, record)
        if not command.quiet and not sys.stdout.isatty():
            print(f"bench {suite.name}: {row['name']}", file=sys.stderr, flush=True)
    if path is not None and not command.quiet:
        print(f"bench {suite.name}: appended to {path}", file=sys.stderr)
    return 0


def command_of(settings: type[Any]) -> Any:
    """Return `Bench` with the settings of one suite."""
    return options.with_settings(Bench, settings)
