"""How a network is trained, and what the data ask of it: the same for all frameworks."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

from jaxface.core.checks import Checked, Ge, Gt, Interval
from jaxface.core.errors import ConfigError, suggestion


@dataclass(frozen=True)
class OptimizerConfig(Checked, table="optimizer"):
    """What turns gradients into updates."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    """Which rule."""

    learning_rate: Annotated[float, Gt(0.0)] = 1e-3
    """Its highest value."""

    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    """How the learning rate falls after the warm-up: not at all, or to zero at the last step."""

    warmup: Annotated[int, Ge(0)] = 0
    """Steps in which it rises from zero."""

    weight_decay: Annotated[float, Ge(0.0)] = 1e-4
    """Of adamw and sgd: of every array with two axes or more."""

    momentum: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.9
    """Of sgd (Nesterov's), and of adam and adamw (their first moment)."""

    clip: Annotated[float, Ge(0.0)] = 0.0
    """Largest global norm of the gradient; 0 = not clipped."""


@dataclass(frozen=True)
class TrainConfig(Checked, table="train"):
    """How a network is trained, whichever it is."""

    steps: Annotated[int, Ge(1)] = 1000
    """Updates of the parameters."""

    batch: Annotated[int, Ge(1)] = 64
    """Examples of one update, over all devices."""

    accumulate: Annotated[int, Ge(1)] = 1
    """Parts in which the gradient of a batch is computed, one after another: less memory, the same mean."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """What networks compute in. Parameters, their updates and the losses are float32."""

    ema: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.0
    """Decay of the parameters' moving average, which is then evaluated and exported; 0 = none."""

    evaluate_every: Annotated[int, Ge(1)] = 100
    """Steps between two evaluations on the validation set; there is always one after the last step."""

    monitor: str = ""
    """The metric that decides which parameters are best; empty = the framework's own."""

    patience: Annotated[int, Ge(0)] = 0
    """Evaluations without a better one after which training stops; 0 = never."""

    checkpoint_every: Annotated[int, Ge(1)] = 100
    """Steps between two checkpoints."""

    log_every: Annotated[int, Ge(1)] = 10
    """Steps between two lines of the log."""

    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch % self.accumulate:
            raise ConfigError(
                f"train.batch = {self.batch}: must be divisible by train.accumulate = {self.accumulate}"
            )


class Tables(NamedTuple):
    """What a framework can be told, table by table of a file: the flags of `jaxface train`."""

    model: type[Any]  # the frozen dataclass of `[model]`
    train: TrainConfig  # the defaults of `[train]`
    data: type[Any]  # the frozen dataclass of `[data]`


OutputKind = Literal["labels", "units"]
"""Whether logits are of classes or of action units."""


@dataclass(frozen=True)
class Task:
    """What the data ask of a network."""

    labels: tuple[str, ...] = ()  # of the classes, in the order of the column `label`
    units: tuple[int, ...] = ()  # numbers of the action units, in the order of the column `units`
    size: int = 64  # pixels along an edge of the images
    channels: int = 3  # or 1 for grey
    extras: tuple[tuple[str, int], ...] = ()  # (column, classes) of others, such as `identity`

    def classes(self, column: str) -> int:
        """Return how many classes a further column has; raise ConfigError without such a column."""
        extras = dict(self.extras)
        if column not in extras:
            raise ConfigError(f"the data have no column {column!r}{suggestion(column, extras)}")
        return extras[column]
