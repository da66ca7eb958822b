"""`jaxface audit`: the whole run, from a config to scores and a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import jax
import tyro

import jaxface as jf
from jaxface.audit import AuditConfig, plan, timing
from jaxface.audit.inputs import load_classifiers
from jaxface.cli import gate, options
from jaxface.core import processes, progress, runtime


@dataclass(frozen=True)
class Audit:
    """If only the symmetry of the face changes, how do these classifiers' answers change?

    Prints the scores and writes OUT/report.html, the tables as CSV, run.toml, environment.json and
    surfaces.zarr. A run that was stopped goes on with the same command.
    """

    settings: Annotated[AuditConfig, tyro.conf.arg(name="")] = field(default_factory=AuditConfig)

    config: str | None = None
    """TOML file, or the name of a bundled config: quick, paper, smoke. Flags win over it."""

    out: Path | None = None
    """Folder of the run; none = runs/ and the config's name."""

    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Tell how much work it is, and do nothing."""

    fail_on: tuple[str, ...] = ()
    """Exit with 1 when a classifier and expression exceeds a limit: score>0.01, or significant>0.5 for the
    share of people."""

    coordinator: str | None = None
    """HOST:PORT at which process 0 of several is reached; all of them write to the same --out."""

    processes: int | None = None
    """How many processes there are; start one on each machine."""

    process: int | None = None
    """Which one this is, from 0."""

    distributed: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Several processes, told by JAX's environment variables or by the cluster: Slurm, MPI, Kubernetes, TPU."""

    saliency: Literal["none", "occlusion", "full"] = "occlusion"
    """Maps of what answers hang on, in the report: none, occlusion, or full, with gradients on the head."""

    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress on stderr."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    command = options.parse(Audit(), "audit", argv)
    limits = [gate.parse(text) for text in command.fail_on]
    folder = command.out or Path("runs") / (Path(command.config).stem if command.config else "audit")
    if command.dry_run:
        print(work(command.settings, folder))
        return 0
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    told = (command.coordinator, command.processes, command.process)
    if command.distributed or told != (None, None, None):
        processes.initialize_distributed(*told)
    meter = progress.for_terminal(command.quiet, hint="the first ones are compiled and take longer")
    result = jf.audit.run(command.settings, out=folder, progress=meter)
    if jax.process_index() == 0:
        report = jf.report.write(result, progress=meter, saliency=command.saliency)
        print(jf.report.score_table(result))
        print(f"\n{timing.line(folder)}\nreport: {report}")
    return gate.check_limits(limits, jf.report.score_rows(result)) if limits else 0


def work(config: AuditConfig, folder: Path) -> str:
    """What an audit will do, in figures."""
    classifiers = load_classifiers(config.classifiers)
    items = plan.work_items(config, {classifier.name: classifier.labels for classifier in classifiers})
    cells = sum(len(item.expressions) for item in items)
    surface = config.symmetry_steps * config.time_steps
    megabytes = (2 * 4 + 1) * cells * surface / 1e6  # two answers and the first one's name
    facts = {
        "cells": f"{cells:,} (classifier x expression x person)",
        "searches": f"{cells:,}, each of at most {config.search.max_evaluations:,} renders",
        "surfaces": f"{cells * surface:,} renders ({config.symmetry_steps} x {config.time_steps} a cell)",
        "store": f"{megabytes:,.1f} MB before compression",
        "folder": str(folder),
    }
    return "\n".join(f"{name:10}{value}" for name, value in facts.items())
