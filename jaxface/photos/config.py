"""How faces are looked for."""

from dataclasses import dataclass
from typing import Annotated, Literal

from jaxface.core.checks import Ge, Interval, check, require
from jaxface.core.errors import ConfigError

Which = Literal["largest", "all", "one"]


@dataclass(frozen=True)
class DetectConfig:
    """How faces and their landmarks are found.

    Attributes:
        sizes: edges of the detector's input, pixels, multiples of 32. Small ones find large faces
            and are fast. A picture is looked at in one size after another until a face has the
            score `sure`; for all faces ("all", "one") in every size.
        margin: black on all sides of the picture, share of its longer edge: faces that fill a
            picture are found with one.
        score: smallest score of a face.
        sure: a score that needs no other size.
        overlap: two boxes that share more than this part of their union are one face.
        which: of several faces in a picture take the "largest" (of those that score at least three
            quarters of the best) or "all", or leave the picture out if there is more than "one".
        landmarks: net for the 68 points, "landmarks" or "landmarks-small".
        passes: how often the points are measured, each time in an upright square about the last ones.
        copies: squares of the last pass, shifted, scaled and mirrored; 1, or an even number. The points
            are their mean. Mirrored copies make them treat both sides alike.
        halves: measure the mouth in two faces made of one half and its mirror image each. The net takes
            faces for symmetric and draws the corners of a crooked mouth alike; these faces are
            symmetric. Only with several copies, and where the head is hardly turned.
        resampling: "smooth", or "package": pixel by pixel as face-api does to tensors. The answers
            then equal the package's own; passes and copies must be 1.
    """

    sizes: tuple[Annotated[int, Ge(64)], ...] = (224, 128, 320, 512)
    margin: Annotated[float, Interval(ge=0, le=1)] = 0.15
    score: Annotated[float, Interval(gt=0, lt=1)] = 0.5
    sure: Annotated[float, Interval(gt=0, le=1)] = 0.7
    overlap: Annotated[float, Interval(ge=0, le=1)] = 0.4
    which: Which = "largest"
    landmarks: Literal["landmarks", "landmarks-small"] = "landmarks"
    passes: Annotated[int, Ge(1)] = 2
    copies: Annotated[int, Ge(1)] = 4
    halves: bool = True
    resampling: Literal["smooth", "package"] = "smooth"

    def __post_init__(self) -> None:
        check(self, "detect")
        if not self.sizes:
            raise ConfigError("detect.sizes is empty; name at least one")
        for size in self.sizes:
            require(size % 32 == 0, "detect.sizes", size, "multiples of 32")
        require(self.copies == 1 or self.copies % 2 == 0, "detect.copies", self.copies, "1 or an even number")
        if self.resampling == "package" and (self.passes, self.copies) != (1, 1):
            raise ConfigError(
                'detect.resampling = "package" looks once, as the package: set passes and copies to 1'
            )
