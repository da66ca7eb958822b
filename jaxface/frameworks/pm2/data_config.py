"""Which faces PM2 learns from: a labelled source, pairs of avatars, an unlabelled target."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from jaxface.core.checks import Ge
from jaxface.core.errors import ConfigError
from jaxface.frameworks.common.data_config import NONE, RECIPE, ValidationConfig
from jaxface.frameworks.pm2.population_bias import PopulationBias


@dataclass(frozen=True)
class DomainConfig:
    """Where the images of a domain come from."""

    data: str = RECIPE
    """A data set's name (bp4d, disfa, gft, rendered, ...); `recipe`: rendered during training; `none`: there is
    no such domain."""

    root: Path = Path("wild")
    """Folder or file of the data set; of a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=train fold=1."""


@dataclass(frozen=True)
class Pm2Data(ValidationConfig):
    """Which faces. Only the source's labels are used, for training and for choosing parameters alike."""

    source: DomainConfig = field(default_factory=lambda: DomainConfig(root=Path("lab")))
    """Labelled faces."""

    pairs: DomainConfig = field(default_factory=lambda: DomainConfig(root=Path("avatars")))
    """Two avatars of each face's expression: `recipe`, rendered for a source that is a recipe, too; or
    `rendered`: the folder of `jaxface retarget`, with the columns `pair` (number of the source's image, counted
    by its reader with the same options) and `sex`."""

    target: DomainConfig = field(default_factory=DomainConfig)
    """Faces without labels; labels, if any, are not used."""

    units: tuple[int, ...] = ()
    """Numbers of the action units to learn; () = all that source and target have in common."""

    bias: PopulationBias = field(default_factory=PopulationBias)
    """How women and men differ in a source that is a recipe; its target shows the same units without the
    difference."""

    avatars: Annotated[int, Ge(1)] = 30
    """How many of each sex a recipe of pairs samples from."""

    validation: tuple[str, ...] = ()
    """NAME=VALUE for the source's reader, such as split=test; none = some of its people are held out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source.data == NONE:
            raise ConfigError("data.source.data = 'none': PM2 learns action units from a labelled source")
        if self.pairs.data == RECIPE and self.source.data != RECIPE:
            raise ConfigError(
                f"avatars of the data set {self.source.data!r} are not rendered during training: write them "
                "with `jaxface retarget` and name that folder (data.pairs.data = 'rendered'), or set it to "
                "'none'"
            )
        if self.pairs.data not in (RECIPE, NONE) and self.source.data == RECIPE:
            raise ConfigError(
                "avatars of a recipe are rendered during training: data.pairs.data = 'recipe' or 'none'"
            )
