"""Which data sets CausalAffect learns from at once."""

from dataclasses import dataclass
from pathlib import Path

from jaxface.frameworks.common.data_config import ValidationConfig


@dataclass(frozen=True)
class MixedConfig(ValidationConfig):
    """Which data sets are learnt from at once."""

    sets: tuple[str, ...] = ("causes=units", "causes=label")
    """Each a recipe of rendered faces (its name or its TOML file) or READER:PATH, and after an equals sign what
    is learnt from it: units, label or both (the default). Two streams of one recipe have different seeds."""

    setting: str = ""
    """A setting of the paper's Table 1 instead: data sets of bp4d, disfa, gft, emotionet, rafdb and affectnet
    with + between them, or all."""

    root: Path = Path("sets")
    """Folder of the setting's data sets: BP4D, DISFA, GFT, EmotioNet, RAF-DB and AffectNet."""

    weights: tuple[float, ...] = ()
    """Shares of a batch, a number for each data set; none = all alike."""
