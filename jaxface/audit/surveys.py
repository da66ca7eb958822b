"""A survey: several interventions on the same people and expressions, one run each, in one folder."""

import dataclasses
from pathlib import Path

from jaxface import search
from jaxface.audit import designs, runner, tables
from jaxface.audit.config import AuditConfig
from jaxface.audit.designs import Design, folder_name
from jaxface.audit.expressions import SearcherFactory
from jaxface.audit.inputs import build_intervention, load_head, serializable_config
from jaxface.audit.survey_result import SURVEY_SETTINGS, SurveyResult
from jaxface.core import processes, run_folder
from jaxface.core.config import to_dict
from jaxface.core.progress import Progress, ProgressLike, choose
from jaxface.render import scene


def survey(
    config: AuditConfig,
    out: str | Path,
    progress: ProgressLike = None,
    *,
    searcher_factory: SearcherFactory = search.build,
) -> SurveyResult:
    """Run every intervention of a config on the same people, or what is left of it, in the folder `out`.

    The expressions are searched once, on the unchanged face, by the first run; the others show the same ones.
    Each run is an audit in a folder of its own, and is resumed as one: see `runner.run`, also for errors.

    Args:
        config: `intervention` holds several, or a cross such as "symmetry x skin_tone".

    Raises:
        ConfigError: an intervention that the head or the config cannot take; nothing is run.
        StoreError: `out` belongs to another survey.
        KeyboardInterrupt: stopped by the user; the message says how far it came.
    """
    folder, progress = Path(out), choose(progress)
    design = designs.design(config)
    _require_all(design, config)
    with run_folder.hold(folder, "survey"):
        if processes.is_first():
            run_folder.claim(folder, to_dict(serializable_config(config)), "survey", SURVEY_SETTINGS)
        runs = {}
        origin = config.expression_from
        for number, (name, own) in enumerate(design.configs.items(), 1):
            stage = f"{name} ({number} of {len(design.configs)})"
            own = dataclasses.replace(own, expression_from=origin)
            part = folder / folder_name(name)
            try:
                runs[name] = runner.run(own, part, _Stage(progress, stage), searcher_factory=searcher_factory)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"stopped in {stage}; the same command goes on in {folder}") from None
            origin = origin or str(part)
    result = SurveyResult(folder, config, design, runs)
    if processes.is_first():
        tables.write_survey_tables(result)
    return result


def _require_all(design: Design, config: AuditConfig) -> None:
    """Check every intervention before the first run."""
    head, setup = load_head(config), scene(config.render)
    for own in design.configs.values():
        build_intervention(own).require(head, setup)


class _Stage(Progress):
    """The progress of one run, under the name of its intervention."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name

    def start(self, stage: str, total: int, initial: int = 0) -> None:
        self._progress.start(self._name, total, initial)

    def advance(self, units: int = 1, note: str = "") -> None:
        self._progress.advance(units, note)

    def close(self) -> None:
        self._progress.close()
