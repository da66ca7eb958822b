"""How a head is fitted to a photograph, and when the fit is good enough."""

from dataclasses import dataclass, field
from typing import Annotated

from jaxface.core.checks import Ge, Gt, Interval, check
from jaxface.photos.config import DetectConfig


@dataclass(frozen=True)
class LikeConfig:
    """How a head is fitted to a photograph, and when the fit is good enough."""

    size: Annotated[int, Ge(32)] = 64
    """Pixels along an edge of the crop whose pixels are fitted."""

    landmark_steps: Annotated[int, Ge(1)] = 300
    """Steps by landmarks, which come first."""

    pixel_steps: Annotated[int, Ge(0)] = 150
    """Steps by landmarks and pixels; 0 = landmarks alone."""

    relaxed_steps: Annotated[int, Ge(0)] = 60
    """Steps at the end, in which the units that are active are no longer drawn to rest; only with pixels."""

    landmark_error: Annotated[float, Gt(0)] = 0.03
    """Deviation of a detected landmark, interocular distances."""

    contour_error: Annotated[float, Gt(0)] = 0.09
    """The same for the 17 points of the contour."""

    pixels: Annotated[float, Ge(0)] = 1600.0
    """Number of independent measurements that the pixels of a face are worth."""

    sparsity: Annotated[float, Ge(0)] = 16.0
    """Rate of the exponential prior that keeps facial units at rest."""

    balance: Annotated[float, Ge(0)] = 0.3
    """Deviation of how much less one side moves than the other; 0 = both move alike."""

    levels: Annotated[int, Ge(2)] = 6
    """Degrees of symmetry of the counterfactual strip, from a frozen side to both alike."""

    largest_landmark_error: Annotated[float, Gt(0)] = 0.05
    """Interocular distances, root mean square; a fit beyond it is poor."""

    largest_difference: Annotated[float, Interval(gt=0, le=1)] = 0.3
    """Total variation between a classifier's answers to photograph and fit; beyond it nothing is concluded."""

    detect: DetectConfig = field(default_factory=lambda: DetectConfig(copies=10))
    """How the face is found."""

    def __post_init__(self) -> None:
        check(self, "fit")
