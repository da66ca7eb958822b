"""Which architecture is trained, its initial weights, and its loss."""

from dataclasses import dataclass, field
from typing import Annotated

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.core.checks import Checked, Ge, Interval, OneOf
from jaxface.data.augmentation_config import AugmentConfig
from jaxface.frameworks.common.config import Tables, TrainConfig
from jaxface.frameworks.common.data_config import DataConfig


@dataclass(frozen=True)
class ClassifierConfig(Checked, table="model"):
    """A plain classifier."""

    architecture: Annotated[str, OneOf(ARCHITECTURES)] = "fer-mini-xception"
    """One of the classifiers' architectures."""

    start: str | None = None
    """Initial weights: a classifier's name or folder, or a checkpoint of the architecture as its authors
    publish it; arrays of another shape (the head of other classes) are drawn at random. None = all are."""

    size: Annotated[int, Ge(1)] | None = None
    """Pixels along an edge of the network's input; None = what the architecture was made for."""

    label_smoothing: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.0
    """Share of the target that is spread over all classes."""

    attention_variance: Annotated[float, Ge(0.0)] = 0.0
    """Weight of the attention-variance loss of EmoNeXt (its recipe has 1); needs an architecture with
    `embedding`."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How training images are augmented."""


TABLES = Tables(ClassifierConfig, TrainConfig(), DataConfig)
