"""GReFEL's network, the correction of its predictions, its losses, and the baselines."""

from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from jaxface.core.checks import Checked, Ge, Gt, Interval
from jaxface.core.errors import ConfigError
from jaxface.data.augmentation_config import AugmentConfig
from jaxface.frameworks.common.config import Tables, TrainConfig
from jaxface.frameworks.common.data_config import DataConfig

Method = Literal["grefel", "cross-entropy", "poster", "scn"]
METHODS: tuple[Method, ...] = get_args(Method)
POSTER_V2 = "poster-v2"


@dataclass(frozen=True)
class SmallConfig(Checked, table="model.small"):
    """The extractor for small faces: POSTER++ with fewer channels, and backbones that are trained."""

    channels: tuple[int, int, int] = (16, 32, 64)
    """Of the levels: maps of 1/8, 1/16 and 1/32 of the edge. The stems have half of the first."""

    heads: tuple[int, int, int] = (1, 2, 4)
    """Of the attention between landmarks and image, level by level."""

    width: int = 64
    """Of the tokens, and so of the embedding."""

    depth: Annotated[int, Ge(1)] = 1
    """Blocks of the transformer that joins the levels."""

    token_heads: int = 4
    """Heads of each of these blocks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs = [*zip(self.channels, self.heads, strict=True), (self.width, self.token_heads)]
        for width, heads in pairs:
            if heads < 1 or width < 2 or width % heads:
                raise ConfigError(f"model.small: {width} channels do not divide into {heads} heads")


@dataclass(frozen=True)
class BalanceConfig(Checked, table="model.balance"):
    """Reliability balancing: anchors, and how they correct a prediction."""

    anchors: Annotated[int, Ge(1)] = 10
    """K, anchors of each class; the paper finds 8 to 10 best (Table 3)."""

    anchor_start: Annotated[float, Gt(0.0)] = 0.02
    """Standard deviation of the anchors' initial numbers. At zero, as in the published code, the
    loss that drives classes apart has no gradient and all anchors of a class are one."""

    distance_scale: Annotated[float, Gt(0.0)] = 1.0
    """Delta: similarity is exp(-distance / delta)."""

    temperature: Annotated[float, Gt(0.0)] = 1.0
    """Of the primary distribution: softmax(logits / temperature)."""

    attention: Literal["anchors", "batch", "none"] = "anchors"
    """What attends to what in the attentive correction: each embedding to all `anchors`, so that a
    prediction depends on its own image alone; as published the images of a `batch` to each other;
    `none`: the geometric correction alone."""

    attention_width: Annotated[int, Ge(1)] = 64
    """Of queries and keys where `attention` is `anchors`."""

    weights: Literal["confidence", "relative"] = "confidence"
    """Share of the primary distribution in the corrected one: its confidence c, and 1 - c for the correction,
    as in the published code; or c_p / (c_p + c_r), as the main paper can be read."""

    ramp: Literal["linear", "none"] = "linear"
    """How the weight of correction and anchors' losses grows: with the steps, or full at once."""

    test_correction: Literal["off", "geometric", "full"] = "full"
    """What is predicted. full: the distribution corrected as in training; our small network's primary
    predictions end near chance. geometric: corrected without attention, which the published code does with a
    flag. off: the primary distribution, that code's default."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attention == "batch" and self.test_correction == "full":
            raise ConfigError(
                "model.balance: with attention = 'batch' a prediction would depend on the other images of its "
                "batch; set test_correction to 'geometric' or 'off'"
            )


@dataclass(frozen=True)
class LossConfig(Checked, table="model.losses"):
    """What is minimized. The lambdas are those of the supplement's Table 1."""

    classes: Annotated[float, Ge(0.0)] = 1.0
    """lambda_cls, of the cross-entropy."""

    anchors: Annotated[float, Ge(0.0)] = 1.0
    """lambda_a, of the loss that drives the classes' anchors apart."""

    centres: Annotated[float, Ge(0.0)] = 1.0
    """lambda_c, of the loss that draws embeddings and anchors together."""

    anchor_limit: Annotated[float, Gt(0.0)] | None = None
    """Root mean square difference of the numbers of two classes' anchors beyond which they are no longer driven
    apart; None = no limit, as published: that loss has no minimum, and the anchors diverge."""

    smoothing: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.11
    """Share of the target that is spread over all classes; the paper says 11 per cent (Table 5)."""

    class_weights: bool = True
    """Weigh each example by N / (C n of its class), with n counted during training."""


@dataclass(frozen=True)
class ScnConfig(Checked, table="model.scn"):
    """Self-Cure Network (Wang et al. 2020, arXiv:2002.10392), on the same extractor. Its own figures."""

    high: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.7
    """beta: share of a batch that counts as important."""

    margin: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.15
    """delta_1: how far apart the mean weights of the two groups should be."""

    rank_weight: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.5
    """gamma: share of the rank regularisation in the loss."""

    relabel_margin: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.2
    """delta_2: by how much a class must be more probable than the label to take its place."""

    relabel_from: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.25
    """Share of the steps after which labels are changed (the paper: after 10 of 40 epochs)."""


@dataclass(frozen=True)
class GrefelConfig(Checked, table="model"):
    """GReFEL, or one of its baselines, on the same extractor."""

    method: Method = "grefel"
    """`grefel`; the same network with `cross-entropy` only; `poster`: POSTER++, whose head is one dense layer;
    `scn`: self-cure."""

    extractor: Literal["poster-v2", "small"] = "poster-v2"
    """POSTER++'s (112 pixels inside), or the same in small, for faces of 64 pixels."""

    image_weights: str | None = None
    """File of IR-50 as POSTER++'s authors publish it; None = random weights."""

    landmark_weights: str | None = None
    """File of MobileFaceNet as they publish it; None = random weights."""

    start: str | None = None
    """Checkpoint of a whole POSTER++ instead of these two; its head is dropped."""

    train_backbones: bool = False
    """Train the backbones that were read from files, too. Others are always trained."""

    head: tuple[Annotated[int, Ge(1)], ...] = (384, 192, 96)
    """Hidden layers between embedding and classes."""

    dropout: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.5
    """After each of these layers."""

    augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(flip=True, crop=0.9))
    """How training images are augmented."""

    small: SmallConfig = field(default_factory=SmallConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    scn: ScnConfig = field(default_factory=ScnConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        files = [name for name in ("image_weights", "landmark_weights", "start") if getattr(self, name)]
        if self.extractor == "small" and files:
            raise ConfigError(
                f"{files[0]} is of POSTER++'s own size; the small extractor has no published weights"
            )
        if self.start and len(files) > 1:
            raise ConfigError(f"start = {self.start!r} holds both backbones; leave {files[0]} out")

    @property
    def frozen(self) -> tuple[str, ...]:
        """Return the backbones of the extractor that are not trained: of `image` and `landmark`."""
        if self.train_backbones:
            return ()
        if self.start:
            return ("image", "landmark")
        return tuple(name for name in ("image", "landmark") if getattr(self, f"{name}_weights"))


TABLES = Tables(GrefelConfig, TrainConfig(), DataConfig)
