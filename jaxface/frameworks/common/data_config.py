"""Which examples a network is trained on, in plain words and numbers."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from jaxface.core.checks import Checked, Ge, Interval
from jaxface.data.rendered.config import RenderedDatasetConfig, load_recipe

RECIPE, NONE = "recipe", "none"
"""In place of a data set's name: faces that are rendered during training; no such domain."""


@dataclass(frozen=True, kw_only=True)
class ValidationConfig(Checked, table="data"):
    """What of the data is held out, for every framework."""

    held_out: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.1
    """Share of the examples that are held out for validation where none are named, of people where
    the data set has the column `identity`; 0 = none."""

    validation_images: Annotated[int, Ge(0)] = 512
    """Images of each recipe that are rendered for validation; 0 = none."""

    workers: Annotated[int, Ge(0)] = 2
    """Threads that read images ahead, for each data set."""


@dataclass(frozen=True)
class DataConfig(ValidationConfig):
    """Which examples."""

    data: str = RECIPE
    """A data set's name (folder, rendered, ...), or `recipe`: faces that are rendered during training."""

    root: Path = Path("expressions")
    """Folder or file of the data set; of a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=train."""

    validation: tuple[str, ...] = ()
    """NAME=VALUE for the validation set's reader, such as split=val; none = some are held out."""


def recipe_at(root: Path, size: int | None) -> RenderedDatasetConfig:
    """Load a recipe by its name or file, with images of `size` pixels; None = the recipe's own.

    Raises:
        ConfigError: no such recipe.
    """
    recipe = load_recipe(root if root.suffix else str(root))
    return recipe if size is None else dataclasses.replace(recipe, size=size)
