"""`jaxface train FRAMEWORK`: from data to a folder that `jaxface audit` takes."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from jaxface import frameworks
from jaxface.cli import options
from jaxface.cli.options import Subcommands
from jaxface.core import progress, runtime
from jaxface.core.errors import printable
from jaxface.data.registry import require_reader
from jaxface.frameworks.common.data_config import NONE, RECIPE

SUBCOMMANDS = Subcommands(
    "train", "frameworks", frameworks.REGISTRY.descriptions, "--config FILE, --out DIR and --seed N"
)


@dataclass(frozen=True)
class Train(options.Quiet):
    """Train a network that can then be audited.

    Writes OUT/card.toml and its weights, log.jsonl, run.toml, environment.json, and checkpoints. The same
    command resumes a training that was stopped.
    """

    config: str | None = None
    """TOML file with these settings ([model], [train], [data]), or the name of a bundled one; flags override
    it."""

    out: Path | None = None
    """Folder of the training; none = runs/ and the name of the config or the framework."""

    tensorboard: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also write the log as event files into OUT/tensorboard (extra tensorboard)."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    if (code := SUBCOMMANDS.print_usage(argv)) is not None:
        return code
    name = argv[0]
    command: Any = options.parse(command_of(frameworks.load_tables(name)), f"train {name}", argv[1:])
    settings = command.settings
    check_names(settings.data)
    out = command.out or options.run_folder(command.config, name)
    writers = [frameworks.TensorBoardWriter(out / "tensorboard")] if command.tensorboard else []
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    meter = progress.for_terminal(command.quiet, hint="the first step is compiled and takes longer")
    run = frameworks.train(
        name,
        settings.model,
        settings.train,
        settings.data,
        out=out,
        seed=settings.seed,
        progress=meter,
        writers=writers,
    )
    for note in run.notes:
        print(printable(note))
    for name, value in run.result.metrics.items():
        print(f"{name:24}{value:.4f}")
    print(f"best after step {run.result.step} of {run.result.steps}")
    if run.classifier is None:
        print(f"{out}: no classifier to audit, since {run.reason}; evaluate it with jaxface evaluate {out}")
    else:
        print(f"{out}: jaxface audit --classifiers {out}")
    return 0


def check_names(data: Any) -> None:
    """Check that data sets are known: of `[data]` itself, and of the domains in it; DataError if not."""
    for table in (data, *(getattr(data, field.name) for field in dataclasses.fields(data))):
        name = getattr(table, "data", RECIPE)
        if name not in (RECIPE, NONE):
            require_reader(name)


def command_of(tables: frameworks.Tables) -> Any:
    """Return `Train` with the settings of one framework."""
    train = tables.train
    fields: list[tuple[str, Any, Any]] = [
        ("model", options.flat(tables.model), dataclasses.field(default_factory=tables.model)),
        (
            "train",
            options.flat(frameworks.TrainConfig),
            dataclasses.field(default_factory=lambda: train),
        ),
        ("data", options.flat(tables.data), dataclasses.field(default_factory=tables.data)),
        ("seed", int, 0),
    ]
    return options.with_settings(Train, dataclasses.make_dataclass("Settings", fields, frozen=True))
