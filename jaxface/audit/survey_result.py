"""The result of a survey: its runs, and what they say together."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jaxface.audit import contrasts, designs
from jaxface.audit.config import AuditConfig
from jaxface.audit.contrasts import Interaction, InterventionEffect, LevelEffect
from jaxface.audit.designs import Design, folder_name
from jaxface.audit.full_expression import Answers
from jaxface.audit.result import AuditResult, load
from jaxface.core import run_folder
from jaxface.core.config import from_dict
from jaxface.core.errors import ConfigError
from jaxface.core.run_folder import SURVEY_SETTINGS


@dataclass(frozen=True)
class SurveyResult:
    """A finished survey.

    Attributes:
        folder: of the survey; each run has a folder in it.
        runs: by the name of their intervention, in the order of the config.
    """

    folder: Path
    config: AuditConfig
    design: Design
    runs: dict[str, AuditResult]

    def __repr__(self) -> str:
        return f"SurveyResult('{self.folder}', {', '.join(self.runs)})"

    @cached_property
    def answers(self) -> dict[str, Answers]:
        """The answers of each run to the full expression."""
        return {name: Answers.of(result) for name, result in self.runs.items()}

    @cached_property
    def effects(self) -> tuple[InterventionEffect, ...]:
        """The effect of each intervention that is run alone, on each classifier and expression."""
        return contrasts.intervention_effects(self._alone)

    @cached_property
    def levels(self) -> tuple[LevelEffect, ...]:
        """The change at each level of the same."""
        return contrasts.level_effects(self._alone)

    @cached_property
    def interactions(self) -> tuple[Interaction, ...]:
        """How the effect of one intervention depends on another, of each cross."""
        return contrasts.interactions(self.design.crosses, self.answers)

    @property
    def _alone(self) -> dict[str, Answers]:
        return {name: self.answers[name] for name in self.design.names}


def is_survey_folder(folder: Path) -> bool:
    """Return whether a folder holds a survey."""
    return (folder / SURVEY_SETTINGS).is_file()


def load_survey(folder: str | Path) -> SurveyResult:
    """Load a finished survey from its folder.

    Raises:
        StoreError: no survey is there, or one of its runs is not finished or damaged.
        ConfigError: its configuration is not one of this version.
    """
    folder = Path(folder)
    settings = run_folder.read_settings(folder, "survey", SURVEY_SETTINGS)
    try:
        config = from_dict(AuditConfig, settings)
    except ConfigError as error:
        raise ConfigError(f"{folder / SURVEY_SETTINGS}: {error}") from None
    design = designs.design(config)
    runs = {name: load(folder / folder_name(name)) for name in design.configs}
    return SurveyResult(folder, config, design, runs)
