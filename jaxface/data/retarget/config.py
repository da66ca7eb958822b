"""The settings of a retargeting: the source, where expressions come from, and the avatars."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from jaxface.core.checks import Ge, check
from jaxface.core.errors import ConfigError
from jaxface.data.rendered.fitting import FitConfig

RECIPE = "recipe"
SEXES = ("female", "male")


@dataclass(frozen=True)
class RetargetConfig:
    """From a data set of source images to pairs of avatars, a woman and a man for each image."""

    data: str = "rendered"
    """The source: a data set's name (bp4d, disfa, folder, rendered, ...), or `recipe`: a recipe's
    labels
    and expressions, without rendering them.
    """

    root: Path = Path()
    """Folder or file of the data set; for a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=train."""

    expression: Literal["labels", "fit", "rendered"] = "labels"
    """Where expressions come from. `labels`: the action units. `fit`: a fit to each image, by its
    68
    landmarks or else its pixels. `rendered`: the activations that a rendered source was drawn with.
    """

    landmark_table: Path | None = None
    """Table (CSV) of landmarks for a fit: `path`, as the reader names an image, and x_0 ... x_67,
    y_0 ... y_67 in pixels, as OpenFace and dlib number them."""

    subjects: Annotated[int, Ge(0)] = 30
    """Number of the source's people, at random; 0 = all. Each gets a woman and a man. A source
    without
    identities is divided at random among this many pairs.
    """

    images: Annotated[int, Ge(0)] = 0
    """Number of their images, chosen at random by the seed; each becomes two images. 0 = all. For a
    recipe: the number of examples."""

    recipe: str = "avatars"
    """Name or file of the recipe by which avatars are rendered."""

    size: Annotated[int, Ge(8)] = 64
    """Pixels along an edge of the images."""

    first: Annotated[int, Ge(0)] = 0
    """Number of the first avatar among the recipe's people. Disjoint ranges share no avatar."""

    pose: Literal["recipe", "source"] = "recipe"
    """Pose of head and eyes: drawn for each avatar by the recipe, or the source's (with fit,
    rendered)."""

    landmarks: bool = False
    """Add a column with the 68 landmarks of every image."""

    batch: Annotated[int, Ge(1)] = 32
    """Source images at a time."""

    seed: int = 0
    """Of everything random."""

    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        check(self, "retarget")
        if self.data == RECIPE and self.expression == "fit":
            raise ConfigError(
                "retarget: a recipe has no images to fit; use expression = 'rendered', or render it to "
                "disk first"
            )
        if self.landmark_table is not None and self.expression != "fit":
            raise ConfigError(f"retarget: landmark_table is for expression = 'fit', not {self.expression!r}")
        if self.pose == "source" and self.expression == "labels":
            raise ConfigError("retarget: labels do not contain the pose; use pose = 'recipe'")
