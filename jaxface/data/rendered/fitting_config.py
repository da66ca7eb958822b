"""How faces are fitted to images, in plain numbers."""

from dataclasses import dataclass
from typing import Annotated

from jaxface.core.checks import Ge, Gt, Interval, check

Positive = Annotated[float, Gt(0)]

NonNegative = Annotated[float, Ge(0)]


@dataclass(frozen=True)
class FitConfig:
    """How images are fitted.

    Attributes:
        steps: Steps of Adam.
        learning_rate: First step, in deviations of the prior; decays by a cosine to a tenth.
        landmark_error: Deviation of a landmark, widths of the image; about .01 for a detector.
        contour_error: The same for the 17 points of the contour, which slide over the skin.
        pixel_error: Scale of a pixel's absolute error, in [0, 1].
        pixels: Number of independent measurements that the pixels of a face are worth.
        sparsity: Rate of the exponential prior of activations.
        turn: Standard deviation of the angles of the head, degrees; half of it for the gaze.
        height: Of an image without landmarks, in interocular distances, with some error.
        eye_line: Fraction of such an image above the eyes, with some error.
        relaxed_steps: Steps at the end without the exponential prior, of the units that it left active
            (Meinshausen 2007, relaxed lasso).
        active: Activation from which a unit counts as active then.
        balance: Deviation of how much less one side moves than the other; 0 = both move alike.
    """

    steps: Annotated[int, Ge(1)] = 300
    learning_rate: Positive = 0.2
    landmark_error: Positive = 0.006
    contour_error: Positive = 0.02
    pixel_error: Positive = 0.05
    pixels: NonNegative = 400.0
    sparsity: NonNegative = 4.0
    turn: Positive = 15.0
    height: Positive = 2.9
    eye_line: float = 0.39
    relaxed_steps: Annotated[int, Ge(0)] = 0
    active: Annotated[float, Interval(gt=0, lt=1)] = 0.05
    balance: NonNegative = 0.0

    def __post_init__(self) -> None:
        check(self, "fit")
