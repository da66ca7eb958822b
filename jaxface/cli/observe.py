"""`jaxface observe`: from a table of photographs to tests of independence and a report."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from jaxface.audit import observe
from jaxface.audit.observe import ObserveConfig
from jaxface.cli import options, preflight
from jaxface.core import progress, runtime
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Observe(options.Quiet):
    """Do classifiers answer people with asymmetric faces differently?

    Reads a folder of photographs (PHOTOS/[GROUP/]EXPRESSION/*.jpg, or with a CSV table of path, label, group)
    and tests for each classifier whether the logit of an expression is independent of symmetry features. Prints
    the results and the accuracy by group, and writes OUT/observe.html, the tables as CSV and figures/. The same
    command resumes a run that was stopped. Faces are found unless the table gives eyes or boxes; correct them
    in OUT/faces.csv and run again.
    """

    folder: tyro.conf.Positional[Path | None] = None
    """Folder of photographs; the same as --photos."""

    settings: Annotated[ObserveConfig, tyro.conf.arg(name="")] = field(default_factory=ObserveConfig)

    config: str | None = None
    """TOML file, or the name of a bundled config: observe. Flags override it."""

    out: Path | None = None
    """Folder of the run; none = runs/ and the config's name, or observe."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse(Observe(), "observe", argv)
    config = with_folder(command.settings, command.folder)
    if config.table is None and config.photos is None and not config.demo:
        raise ConfigError(
            "observe needs a folder of photographs, --table FILE.csv (columns path, label, group), or --demo"
        )
    preflight.check_classifiers(config.classifiers)
    for path, what in ((config.photos, "folder of photographs"), (config.table, "table of photographs")):
        if path is not None and not Path(path).exists():
            raise ConfigError(f"no {what} at {path}")
    folder = command.out or options.run_folder(command.config, "observe")
    runtime.enable_compile_cache()
    meter = progress.for_terminal(command.quiet)
    if not config.demo:
        show(observe.run(config, folder, meter))
        return 0
    from jaxface.report import observation_tables, write_observation

    demonstration = observe.demonstrate(config, folder, meter)
    for kind, results in demonstration.results.items():
        print(f"{kind}:")
        show(results[0])
        for result in results[1:]:
            write_observation(result)
        print()
    if config.repeats > 1:
        print(observation_tables.rates_text(demonstration.rates))
    return 0


def with_folder(config: ObserveConfig, folder: Path | None) -> ObserveConfig:
    """Return the settings with a folder of photographs."""
    return config if folder is None else dataclasses.replace(config, photos=str(folder), demo=False)


def show(result: "observe.ObserveResult") -> None:
    """Write the report of an observation, and print its tables."""
    from jaxface.report import observation_faces, observation_tables, write_observation

    page = write_observation(result)
    texts = [
        observation_tables.framing_text(result),
        observation_tables.left_out_text(result),
        observation_tables.significance_text(result),
        observation_tables.accuracy_text(result),
        observation_faces.sides_text(result),
        observation_faces.doubts_text(result),
        f"report: {page}",
    ]
    print("\n\n".join(text for text in texts if text))
