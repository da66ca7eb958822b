"""The settings of a retargeting: the source, where expressions come from, and the avatars."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from jaxface.core.checks import Ge, check
from jaxface.core.errors import ConfigError
from jaxface.data.rendered.fitting_config import FitConfig

RECIPE = "recipe"


@dataclass(frozen=True)
class RetargetConfig:
    """From a data set of source images to pairs of avatars, a woman and a man for each image.

    Attributes:
        data: The source: a data set's name (bp4d, disfa, folder, rendered, ...), or `recipe`: a
            recipe's labels and expressions, without rendering them.
        root: Folder or file of the data set; for a recipe, its name or its TOML file.
        options: NAME=VALUE for the data set's reader, such as split=train.
        expression: Where expressions come from. `labels`: the action units. `fit`: a fit to each
            image's 68 landmarks or else pixels. `rendered`: a rendered source's own activations.
        landmark_table: Table (CSV) of landmarks for a fit: `path`, as the reader names an image,
            and x_0 ... x_67, y_0 ... y_67 in pixels, as OpenFace and dlib number them.
        subjects: Number of the source's people, at random; 0 = all. Each gets a woman and a man. A
            source without identities is divided at random among this many pairs.
        images: Number of their images, at random; each becomes two. 0 = all. Of a recipe: examples.
        recipe: Name or file of the recipe by which avatars are rendered.
        size: Pixels along an edge of the images.
        first: Number of avatar 0 among the recipe's people. Disjoint ranges share no avatar.
        pose: Of head and eyes: drawn by the recipe, or the source's (with fit or rendered).
        landmarks: Add a column with the 68 landmarks of every image.
        batch: Source images at a time.
        seed: Of everything random.
    """

    data: str = "rendered"
    root: Path = Path()
    options: tuple[str, ...] = ()
    expression: Literal["labels", "fit", "rendered"] = "labels"
    landmark_table: Path | None = None
    subjects: Annotated[int, Ge(0)] = 30
    images: Annotated[int, Ge(0)] = 0
    recipe: str = "avatars"
    size: Annotated[int, Ge(8)] = 64
    first: Annotated[int, Ge(0)] = 0
    pose: Literal["recipe", "source"] = "recipe"
    landmarks: bool = False
    batch: Annotated[int, Ge(1)] = 32
    seed: int = 0
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
