"""`jaxface train FRAMEWORK`: from data to a folder that `jaxface audit` takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from jaxface import frameworks
from jaxface.cli import options
from jaxface.core import progress, runtime


@dataclass(frozen=True)
class Train:
    """Train a network whose answers can then be audited.

    Writes OUT/card.toml and its weights, log.jsonl, run.toml, environment.json, and checkpoints: a training
    that was stopped goes on with the same command.
    """

    config: str | None = None
    """TOML file with these settings ([model], [train], [data]), or the name of a bundled one; flags win over
    it."""

    out: Path | None = None
    """Folder of the training; none = runs/ and the config's or the framework's name."""

    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """No progress on stderr."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        if argv:
            raise SystemExit(0)  # as tyro does
        return 2
    framework = frameworks.load(argv[0])
    command: Any = options.parse(command_of(framework), f"train {framework.name}", argv[1:])
    settings = command.settings
    name = Path(command.config).stem if command.config else framework.name
    out = command.out or Path("runs") / name
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    meter = progress.for_terminal(command.quiet, hint="the first step is compiled and takes longer")
    run = frameworks.train(
        framework,
        settings.model,
        settings.train,
        settings.data,
        out=out,
        seed=settings.seed,
        progress=meter,
    )
    for note in run.notes:
        print(note)
    for name, value in run.result.metrics.items():
        print(f"{name:24}{value:.4f}")
    print(f"best after step {run.result.step} of {run.result.steps}")
    if run.classifier is None:
        print(f"{out}: no classifier to audit, since {run.reason}; evaluate it with jaxface evaluate {out}")
    else:
        print(f"{out}: jaxface audit --classifiers {out}")
    return 0


def command_of(framework: frameworks.Framework) -> Any:
    """`Train` with the settings of one framework."""
    defaults, data = framework.defaults, framework.data
    tables: list[tuple[str, Any, Any]] = [
        ("model", _flat(framework.config), dataclasses.field(default_factory=framework.config)),
        ("train", _flat(frameworks.TrainConfig), dataclasses.field(default_factory=lambda: defaults)),
        ("data", _flat(data), dataclasses.field(default_factory=data)),
        ("seed", int, 0),
    ]
    settings = dataclasses.make_dataclass("Settings", tables, frozen=True)
    field = ("settings", _flat(settings), dataclasses.field(default_factory=settings))
    made = dataclasses.make_dataclass("Train", [field], bases=(Train,), frozen=True)
    made.__doc__ = Train.__doc__
    return made()


def usage() -> str:
    """What `jaxface train --help` prints."""
    width = max(map(len, frameworks.REGISTRY)) + 2
    lines = [f"  {name:{width}}{about}" for name, about in frameworks.REGISTRY.items()]
    return "\n".join(
        [
            "usage: jaxface train FRAMEWORK [OPTIONS]",
            "",
            "frameworks:",
            *lines,
            "",
            "`jaxface train FRAMEWORK --help` tells its options; all take --config FILE, --out DIR, --seed N.",
        ]
    )


def _flat(kind: Any) -> Any:
    """A dataclass whose fields are flags without its own name before them."""
    return Annotated[kind, tyro.conf.arg(name="")]
