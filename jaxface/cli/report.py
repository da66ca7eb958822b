"""`jaxface report`: the HTML report of a finished run, or the comparison of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

import jaxface as jf
from jaxface.cli import options
from jaxface.core import progress, runtime
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Report(options.Quiet):
    """Write the HTML report of a finished run and print its scores, or compare two runs."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Folder of a run; with a second folder, the two runs are compared person by person."""

    out: Path | None = None
    """Folder for report.html, or the name of an .html file; none = the run's folder."""

    saliency: Literal["none", "occlusion", "full"] = "occlusion"
    """Saliency maps: none, occlusion, or full, with gradients on the head."""

    figures: Literal["none", "paper"] = "none"
    """paper: also write every figure as PNG and SVG, every table as CSV and LaTeX, and methods.txt, into
    figures/ beside the report."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse_flags(Report(), "report", argv)
    if len(command.runs) not in (1, 2):
        raise ConfigError("report needs the folder of one run, or of two: jaxface report runs/quick")
    results = [jf.audit.load(folder) for folder in command.runs]
    runtime.enable_compile_cache()
    name = "report.html" if len(results) == 1 else "comparison.html"
    out = command.out
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        out = out / name
    if len(results) == 2:
        path = jf.report.write_comparison(results[0], results[1], out)
        print(jf.report.comparison_table(results[0], results[1]))
    else:
        meter = progress.for_terminal(command.quiet)
        path = jf.report.write(results[0], out, meter, command.saliency, command.figures)
        print(jf.report.score_table(results[0]))
        if command.figures == "paper":
            print(f"\nfigures: {path.parent / 'figures'}")
    print(f"\nreport: {path}")
    return 0
