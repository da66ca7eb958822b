"""What a GReFEL network is made of, what corrects its answers, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jaxface.core.errors import ConfigError
from jaxface.data.augmentation import AugmentConfig

METHODS = ("grefel", "cross-entropy", "poster", "scn")


@dataclass(frozen=True)
class SmallConfig:
    """The extractor for small faces: as POSTER++, with fewer channels, and backbones that are trained."""

    channels: tuple[int, int, int] = (16, 32, 64)
    """Of the three levels: maps of an eighth, a sixteenth and a thirty-second of the edge. The stems have half
    as many as the first."""

    heads: tuple[int, int, int] = (1, 2, 4)
    """Of the attention between landmarks and image, level by level."""

    width: int = 64
    """Of the tokens, and so of the embedding."""

    depth: int = 1
    """Blocks of the transformer that joins the levels."""

    token_heads: int = 4
    """Heads of each of these blocks."""

    def __post_init__(self) -> None:
        pairs = [*zip(self.channels, self.heads, strict=True), (self.width, self.token_heads)]
        for width, heads in pairs:
            if heads < 1 or width < 2 or width % heads:
                raise ConfigError(f"small: {width} channels do not divide into {heads} heads")
        if self.depth < 1:
            raise ConfigError(f"small: depth = {self.depth}; wanted 1 or more")


@dataclass(frozen=True)
class BalanceConfig:
    """Reliability balancing: anchors, and how they correct an answer. Doubtful choices are named here."""

    anchors: int = 10
    """K, anchors of each class; the paper finds 8 to 10 best (Table 3)."""

    anchor_start: float = 0.02
    """Standard deviation of the anchors' numbers at the start. The published code starts at zero, where the
    loss that drives classes apart has no slope and all anchors of a class are one."""

    distance_scale: float = 1.0
    """Delta: similarity is exp(-distance / delta)."""

    temperature: float = 1.0
    """Of the primary distribution: softmax(logits / temperature)."""

    attention: Literal["anchors", "batch", "none"] = "anchors"
    """Who attends to what in the attentive correction. `anchors`: each embedding to all anchors, so that an
    image's answer is its own. `batch`: as in the published code, where the images of a batch attend to each
    other. `none`: the geometric correction alone."""

    attention_width: int = 64
    """Of queries and keys where `attention` is `anchors`."""

    weights: Literal["confidence", "relative"] = "confidence"
    """Share of the primary distribution in the corrected one: its confidence c, and 1 - c for the correction,
    as in the published code; or c_p / (c_p + c_r), as the main paper can be read."""

    ramp: Literal["linear", "none"] = "linear"
    """How correction and anchors' losses come in: in proportion to the steps done, or fully from the start."""

    test_correction: Literal["off", "geometric", "full"] = "full"
    """What answers an image: the distribution that is corrected as in training, which is what the loss ends
    with; corrected without the attentive part; or the primary one alone. The published code does the last
    unless told otherwise, and then the second; our small network's primary answers end near chance."""

    def __post_init__(self) -> None:
        if self.anchors < 1 or self.attention_width < 1:
            raise ConfigError(
                f"balance: anchors = {self.anchors}, attention_width = {self.attention_width}; wanted 1 or "
                "more (a network without anchors is method = 'cross-entropy')"
            )
        for name in ("anchor_start", "distance_scale", "temperature"):
            if getattr(self, name) <= 0.0:
                raise ConfigError(f"balance: {name} = {getattr(self, name)}; wanted more than 0")
        if self.attention == "batch" and self.test_correction == "full":
            raise ConfigError(
                "balance: with attention = 'batch' an answer would depend on the other images of its batch; "
                "set test_correction to 'geometric' or 'off'"
            )


@dataclass(frozen=True)
class LossConfig:
    """What is minimised. The lambdas are those of the supplement's Table 1."""

    classes: float = 1.0
    """lambda_cls, of the cross-entropy."""

    anchors: float = 1.0
    """lambda_a, of the loss that drives the classes' anchors apart."""

    centres: float = 1.0
    """lambda_c, of the loss that draws embeddings and anchors together."""

    anchor_limit: float | None = None
    """Root mean square difference of the numbers of two classes' anchors beyond which they are no longer driven
    apart; None = never, as published: that loss has no floor, and with it the anchors run away."""

    smoothing: float = 0.11
    """Share of the target that is spread over all classes; the paper says 11 per cent (Table 5)."""

    class_weights: bool = True
    """Weigh each example by N / (C n of its class), counted as training goes on."""

    def __post_init__(self) -> None:
        for name in ("classes", "anchors", "centres"):
            if getattr(self, name) < 0.0:
                raise ConfigError(f"losses: {name} = {getattr(self, name)}; wanted 0 or more")
        if not 0.0 <= self.smoothing < 1.0:
            raise ConfigError(f"losses: smoothing = {self.smoothing}; wanted 0 <= smoothing < 1")
        if self.anchor_limit is not None and self.anchor_limit <= 0.0:
            raise ConfigError(f"losses: anchor_limit = {self.anchor_limit}; wanted more than 0, or none")


@dataclass(frozen=True)
class ScnConfig:
    """Self-Cure Network (Wang et al. 2020, arXiv:2002.10392), on the same extractor. Its own figures."""

    high: float = 0.7
    """beta: share of a batch that counts as important."""

    margin: float = 0.15
    """delta_1: how far apart the mean weights of the two groups should be."""

    rank_weight: float = 0.5
    """gamma: share of the rank regularisation in the loss."""

    relabel_margin: float = 0.2
    """delta_2: by how much a class must be more probable than the label to take its place."""

    relabel_from: float = 0.25
    """Share of the steps after which labels are changed (the paper: after 10 of 40 epochs)."""

    def __post_init__(self) -> None:
        for name in ("high", "margin", "rank_weight", "relabel_margin", "relabel_from"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"scn: {name} = {getattr(self, name)}; wanted a number from 0 to 1")


@dataclass(frozen=True)
class GrefelConfig:
    """GReFEL, or one of what it is compared with, on the same extractor."""

    method: Literal["grefel", "cross-entropy", "poster", "scn"] = "grefel"
    """`grefel`; the same network with `cross-entropy` only; `poster`: POSTER++, whose head is one dense layer;
    `scn`: self-cure."""

    extractor: Literal["poster-v2", "small"] = "poster-v2"
    """POSTER++'s (112 pixels inside), or the same in small, for faces of 64 pixels."""

    image_weights: str | None = None
    """File of IR-50 as POSTER++'s authors publish it; None = begins anew."""

    landmark_weights: str | None = None
    """File of MobileFaceNet, likewise."""

    start: str | None = None
    """Checkpoint of a whole POSTER++ to begin with, in the place of these two; its head is dropped."""

    train_backbones: bool = False
    """Train what was read from files too. What was not is always trained."""

    head: tuple[int, ...] = (384, 192, 96)
    """Hidden layers between embedding and classes."""

    dropout: float = 0.5
    """After each of these layers."""

    augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(flip=True, crop=0.9))
    """How training images are varied."""

    small: SmallConfig = field(default_factory=SmallConfig)
    balance: BalanceConfig = field(default_factory=BalanceConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    scn: ScnConfig = field(default_factory=ScnConfig)

    def __post_init__(self) -> None:
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout = {self.dropout}; wanted 0 <= dropout < 1")
        if min(self.head, default=1) < 1:
            raise ConfigError(f"head = {list(self.head)}; wanted widths from 1 on")
        files = [name for name in ("image_weights", "landmark_weights", "start") if getattr(self, name)]
        if self.extractor == "small" and files:
            raise ConfigError(
                f"{files[0]} is of POSTER++'s own size; the small extractor has no published weights"
            )
        if self.start and len(files) > 1:
            raise ConfigError(f"start = {self.start!r} holds both backbones; leave {files[0]} out")

    @property
    def frozen(self) -> tuple[str, ...]:
        """Which backbones of the extractor stay as they were read: of `image` and `landmark`."""
        if self.train_backbones:
            return ()
        if self.start:
            return ("image", "landmark")
        return tuple(name for name in ("image", "landmark") if getattr(self, f"{name}_weights"))
