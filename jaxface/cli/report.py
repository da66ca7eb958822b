"""`jaxface report`: the HTML report of a run that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

import jaxface as jf
from jaxface.cli import options
from jaxface.core import runtime
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Report:
    """Write the HTML report of a finished run again, and print its scores."""

    run: tyro.conf.Positional[Path | None] = None
    """Folder of the run."""

    out: Path | None = None
    """Folder for report.html, or the name of an .html file; none = the run's folder."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    command = options.parse_flags(Report(), "report", argv)
    if command.run is None:
        raise ConfigError("report wants the folder of a run: jaxface report runs/quick")
    result = jf.audit.load(command.run)
    runtime.enable_compile_cache()
    out = command.out
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        out = out / "report.html"
    path = jf.report.write(result, out)
    print(jf.report.score_table(result))
    print(f"\nreport: {path}")
    return 0
