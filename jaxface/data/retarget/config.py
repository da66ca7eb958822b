"""What a retargeting is: which source, whose expressions, how many avatars."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxface.core.errors import ConfigError
from jaxface.data.rendered.fitting import FitConfig

RECIPE = "recipe"
SEXES = ("female", "male")


@dataclass(frozen=True)
class RetargetConfig:
    """From a data set of source images to pairs of avatars, a woman and a man for each image."""

    data: str = "rendered"
    """The source: a data set's name (bp4d, disfa, folder, rendered, ...), or `recipe`: faces that are never
    drawn themselves, of which labels and expressions are known."""

    root: Path = Path()
    """Folder or file of the data set; of a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=train."""

    expression: Literal["labels", "fit", "rendered"] = "labels"
    """Where expressions come from: the action units that the source is labelled with; a fit to each image, by
    its 68 landmarks (column `landmarks`) where it has them, else by its pixels; or, for rendered sources, the
    expression that they were drawn with."""

    marks: Path | None = None
    """Table (CSV) of landmarks for a fit: `path`, as the reader calls an image, and x_0 ... x_67, y_0 ... y_67
    in pixels, as OpenFace and dlib number them."""

    subjects: int = 30
    """How many of the source's people, at random by the seed; each has a woman and a man of their own, so there
    are twice as many avatars. 0 = all. A source that does not know its people is dealt out to so many pairs."""

    images: int = 0
    """How many of their images, at random by the seed; each becomes two pictures. 0 = all. Of a recipe: how
    many there are."""

    recipe: str = "avatars"
    """How avatars are photographed: the name or file of a recipe of rendered faces."""

    size: int = 64
    """Pixels along an edge of the pictures."""

    first: int = 0
    """Number of the first avatar among the recipe's people; avatars of sets with disjoint ranges differ."""

    pose: Literal["recipe", "source"] = "recipe"
    """How heads are held: as the recipe says, each for itself, or as in the source, where that is known (fit,
    rendered)."""

    landmarks: bool = False
    """Write where the 68 landmarks of every picture are, too."""

    batch: int = 32
    """Source images at a time."""

    seed: int = 0
    """Of everything that is drawn at random."""

    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        for name, least in (("subjects", 0), ("images", 0), ("first", 0), ("batch", 1), ("size", 8)):
            if getattr(self, name) < least:
                raise ConfigError(f"retarget: {name} = {getattr(self, name)} wants at least {least}")
        if self.data == RECIPE and self.expression == "fit":
            raise ConfigError(
                "retarget: a recipe has no images to fit; take expression = 'rendered', or draw it to "
                "disk first"
            )
        if self.marks is not None and self.expression != "fit":
            raise ConfigError(f"retarget: landmarks are for expression = 'fit', got {self.expression!r}")
        if self.pose == "source" and self.expression == "labels":
            raise ConfigError("retarget: labels do not tell the pose; take pose = 'recipe'")
