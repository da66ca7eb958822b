"""Which architecture, how it begins, and what loss it follows."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxface.classify.architectures import ARCHITECTURES
from jaxface.core.errors import ConfigError, suggestion
from jaxface.data import AugmentConfig


@dataclass(frozen=True)
class ClassifierConfig:
    """A plain classifier."""

    architecture: str = "fer-mini-xception"
    """One of the classifiers' architectures."""

    start: str | None = None
    """Weights to begin with: a classifier's name or folder, or a checkpoint of the architecture as it is
    published; arrays of another shape (the head of other classes) begin anew. None = all begin anew."""

    size: int | None = None
    """Pixels along an edge of what the network sees; None = what the architecture was made for."""

    label_smoothing: float = 0.0
    """Share of the target that is spread over all classes."""

    attention_variance: float = 0.0
    """Weight of the attention-variance loss of EmoNeXt (its recipe has 1); needs an architecture with
    `embedding`."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How training images are varied."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ConfigError(
                f"architecture = {self.architecture!r}{suggestion(self.architecture, ARCHITECTURES)}"
            )
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ConfigError(f"label_smoothing = {self.label_smoothing}; wanted 0 <= label_smoothing < 1")
        if self.attention_variance < 0.0:
            raise ConfigError(f"attention_variance = {self.attention_variance}; wanted 0 or more")
        if self.size is not None and self.size < 1:
            raise ConfigError(f"size = {self.size}; wanted pixels >= 1")
