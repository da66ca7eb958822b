"""Compare two checkouts of jaxface: run `jaxface bench` in both, in turns, so that noise is fair to both.

    python -m benchmarks.before_after BEFORE AFTER --out benchmarks/results [--rounds 3] [--suites render ...]

Prints and files one JSON line a case: the least CPU seconds of each checkout over the rounds, and their ratio.
A suite whose settings have other names in the two checkouts cannot be compared.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from jaxface.bench import harness

SUITES = {
    "render": ("--batch", "8", "--steps", "30", "--repeats", "3"),
    "classify": ("--batches", "50", "--repeats", "3"),
    "data": ("--recipes", "expressions", "--supersample", "1", "--repeats", "3"),
    "permutation": ("--loop", "50", "--repeats", "3"),
    "train": ("--repeats", "3"),
}
"""Flags of each suite: small cases, but of the size that users run."""


@dataclass(frozen=True)
class Settings:
    """Compare two checkouts."""

    before: Annotated[Path, tyro.conf.Positional]
    """The checkout to compare with."""

    after: Annotated[Path, tyro.conf.Positional]
    """The checkout that is compared."""

    out: Path = Path("benchmarks/results")
    """A .jsonl file, or a folder for dated ones."""

    rounds: int = 3
    """How often each suite runs in each checkout, in turns."""

    suites: tuple[str, ...] = tuple(SUITES)
    """Which suites."""


def rows(checkout: Path, suite: str) -> dict[str, float]:
    """Run one suite in one checkout. Returns the CPU seconds of each case by its name."""
    command = ["taskset", "-c", "0", sys.executable, "-m", "jaxface", "bench", suite, "--quiet", *SUITES[suite]]
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    result = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return {case(line): float(line["cpu_s"]) for line in lines if "cpu_s" in line}


def case(row: dict) -> str:
    """Return a name that tells the cases of a suite apart."""
    keys = ("name", "classifier", "architecture", "recipe", "size", "supersample", "batch")
    return " ".join(str(row[key]) for key in keys if key in row)


def main() -> None:
    """Run the command."""
    settings = tyro.cli(Settings, description=__doc__)
    file = harness.results_file(settings.out, "before-after")
    for suite in settings.suites:
        seconds: dict[str, dict[str, float]] = {"before": {}, "after": {}}
        for number in range(settings.rounds):
            order = ("before", "after") if number % 2 == 0 else ("after", "before")
            for which in order:
                for name, cpu in rows(getattr(settings, which), suite).items():
                    seconds[which][name] = min(cpu, seconds[which].get(name, cpu))
        for name in seconds["after"].keys() & seconds["before"].keys():
            before, after = seconds["before"][name], seconds["after"][name]
            row = {
                "name": f"{suite}: {name}",
                "cpu_s_before": before,
                "cpu_s": after,
                "ratio": after / before,
                "rounds": settings.rounds,
            }
            record = harness.stamp(row)
            print(json.dumps(record), flush=True)
            harness.append(file, record)


if __name__ == "__main__":
    main()
