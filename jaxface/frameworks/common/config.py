"""How long, how fast and in what numbers a network is trained: the same for all frameworks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class OptimizerConfig:
    """What turns gradients into steps."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    """Which rule."""

    learning_rate: float = 1e-3
    """The highest it comes to."""

    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    """How it falls after the warm-up: not at all, or to zero at the last step."""

    warmup: int = 0
    """Steps in which it rises from zero."""

    weight_decay: float = 1e-4
    """Of adamw and sgd: of every array with two axes or more."""

    momentum: float = 0.9
    """Of sgd (Nesterov's), and of adam and adamw (their first moment)."""

    clip: float = 0.0
    """Longest gradient, over all arrays together; 0 = as it comes."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0.0:
            raise ConfigError(f"optimiser.learning_rate = {self.learning_rate}; wanted more than 0")
        for name in ("warmup", "weight_decay", "clip"):
            if getattr(self, name) < 0:
                raise ConfigError(f"optimiser.{name} = {getattr(self, name)}; wanted 0 or more")
        if not 0.0 <= self.momentum < 1.0:
            raise ConfigError(f"optimiser.momentum = {self.momentum}; wanted 0 <= momentum < 1")


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained, whichever it is."""

    steps: int = 1000
    """Updates of the parameters."""

    batch: int = 64
    """Examples of one update, over all devices."""

    accumulate: int = 1
    """Parts in which the gradient of a batch is computed, one after another: less memory, the same mean."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """What networks compute in. Parameters, their updates and the losses are float32."""

    average: float = 0.0
    """Decay of the parameters' exponential moving average, which is then what is measured and exported; 0 =
    none."""

    evaluate_every: int = 100
    """Steps between two looks at the validation set; the last step is always followed by one."""

    monitor: str = ""
    """The measure that decides which parameters are best; empty = the framework's own."""

    patience: int = 0
    """Evaluations without a better one after which training stops; 0 = never."""

    checkpoint_every: int = 100
    """Steps between two checkpoints."""

    log_every: int = 10
    """Steps between two lines of the log."""

    optimiser: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "evaluate_every", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}; wanted 1 or more")
        if self.batch % self.accumulate:
            raise ConfigError(f"batch = {self.batch} does not divide into accumulate = {self.accumulate} parts")
        if self.patience < 0:
            raise ConfigError(f"patience = {self.patience}; wanted 0 or more")
        if not 0.0 <= self.average < 1.0:
            raise ConfigError(f"average = {self.average}; wanted 0 <= average < 1")
