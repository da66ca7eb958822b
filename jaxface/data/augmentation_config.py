"""How training images are augmented, in plain numbers."""

from dataclasses import dataclass
from typing import Annotated

from jaxface.core.checks import Interval, check, require

Fraction = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class AugmentConfig:
    """How images are augmented; the defaults change nothing. Each image draws its own numbers.

    Attributes:
        flip: Mirror every second image, left to right.
        rotation: Rotate by U(-rotation, rotation) degrees about the centre.
        crop: Cut out a square of U(crop, 1) of the edge, at random, and resize it to full size.
        brightness: Multiply by U(1 - brightness, 1 + brightness).
        contrast: Stretch about the image's mean grey by U(1 - contrast, 1 + contrast).
        saturation: Stretch about each pixel's grey by U(1 - saturation, 1 + saturation).
        hue: Rotate the colours about the grey axis by U(-hue, hue) of a full turn.
        erase: Fraction of images in which a rectangle is replaced by noise (Zhong et al. 2020).
        erase_area: Smallest and largest fraction of the image that is erased.
    """

    flip: bool = False
    rotation: Annotated[float, Interval(ge=0, le=180)] = 0.0
    crop: Annotated[float, Interval(gt=0, le=1)] = 1.0
    brightness: Fraction = 0.0
    contrast: Fraction = 0.0
    saturation: Fraction = 0.0
    hue: Annotated[float, Interval(ge=0, le=0.5)] = 0.0
    erase: Fraction = 0.0
    erase_area: Annotated[tuple[float, float], Interval(gt=0, le=1)] = (0.02, 0.33)

    def __post_init__(self) -> None:
        check(self, "augment")
        low, high = self.erase_area
        require(low <= high, "augment.erase_area", self.erase_area, "from the smallest to the largest")
