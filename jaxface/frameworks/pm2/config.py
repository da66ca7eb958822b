"""What a detector of action units is made of, and how it is adapted to another domain."""

from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from jaxface.core.checks import Checked, Ge, Interval, require
from jaxface.data.augmentation_config import AugmentConfig
from jaxface.frameworks.common.config import OptimizerConfig, Tables, TrainConfig
from jaxface.frameworks.pm2.data_config import Pm2Data

Method = Literal["direct", "dan", "dann", "jan", "cdan", "mcd", "m3sda", "pm2"]
METHODS: tuple[Method, ...] = get_args(Method)
"""Rows of Tables 3 to 5, in their order."""

Backbone = Literal["small", "resnet18", "swin-b", "drml", "drml-small", "jaa-net", "jaa-net-small"]
"""Keys of `networks.ENCODERS`."""


@dataclass(frozen=True)
class AdaptationConfig(Checked, table="model.adaptation"):
    """Settings of the baselines alone."""

    weight: Annotated[float, Ge(0.0)] = 1.0
    """Of the discrepancy of DAN, DANN, JAN and CDAN beside the loss on the source."""

    kernels: Annotated[int, Ge(1)] = 5
    """Gaussian kernels of DAN and JAN: variances are 2^-3, 2^-2, ... times the mean squared distance."""

    discriminator: tuple[Annotated[int, Ge(1)], ...] = (1024, 1024)
    """Hidden layers of the discriminator of DANN and CDAN."""

    reversal: Annotated[float, Ge(0.0)] = 10.0
    """a of the reversed gradient's scale 2 / (1 + exp(-a p)) - 1 at progress p (Ganin et al. 2016)."""

    moments: Annotated[int, Ge(1)] = 2
    """Orders of moments that M3SDA matches: 2 is PM2's Eq. 4, 5 M3SDA's own code."""

    central: bool = False
    """Moments about the mean from the second on, as in that code; in PM2's Eq. 4 they are about zero."""


@dataclass(frozen=True)
class Pm2Config(Checked, table="model"):
    """PM2, or one of its baselines, on the same networks. Defaults are the paper's (Table 1)."""

    method: Method = "pm2"
    """A row of Tables 3 to 5; `direct` trains on the labelled source alone."""

    encoder: Backbone = "swin-b"
    """Encoder of faces to features. `small`: a few convolutions, for faces of 64 pixels; `drml-small` and
    `jaa-net-small` are DRML and JAA-Net with fewer channels, for such faces too."""

    widths: tuple[Annotated[int, Ge(1)], ...] = (16, 32, 64, 64)
    """Channels of the small encoder's convolutions, each at half the size of the one before; four at most."""

    features: Annotated[int, Ge(1)] = 128
    """D of the small encoder."""

    hidden: tuple[Annotated[int, Ge(1)], ...] = (256,)
    """Hidden layers of each of the two classifiers."""

    dropout: Annotated[float, Interval(ge=0.0, lt=1.0)] = 0.0
    """After each of these layers."""

    alpha: Annotated[float, Ge(0.0)] = 0.3
    """Weight of the classifiers' discrepancy on the target (Eq. 8 and 9): of MCD, M3SDA and PM2."""

    beta: Annotated[float, Ge(0.0)] = 0.5
    """Weight of the moments (Eq. 7): of the pairs in PM2, of whole domains in M3SDA."""

    repeats: Annotated[int, Ge(1)] = 1
    """How often step 3 follows steps 1 and 2; MCD's code has 4. With `alpha = 0` there is no step 3."""

    reduction: Literal["mean", "sum"] = "mean"
    """Reduction over action units (Eq. 2 and 3) and, within a norm, over features (Eq. 4 and 5):
    the sum, as written, or the mean, so that weights mean the same for any number of either."""

    start: str | None = None
    """Initial weights: the folder of an earlier training (the paper: of `method = "direct"`), or
    for the encoder a classifier's name or a checkpoint file; None = random weights."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How training images are augmented; a face and its pair alike."""

    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= len(self.widths) <= 4, "model.widths", self.widths, "one to four long")

    @property
    def alternates(self) -> bool:
        """Whether it trains in three steps with two optimizers."""
        return self.method in ("mcd", "m3sda", "pm2")

    @property
    def needs_target(self) -> bool:
        """Whether it looks at images of the target domain."""
        return self.method != "direct" and not (self.method == "pm2" and self.alpha == 0.0)

    @property
    def needs_pairs(self) -> bool:
        """Whether it looks at avatars."""
        return self.method == "m3sda" or (self.method == "pm2" and self.beta > 0.0)


TABLES = Tables(
    Pm2Config,
    TrainConfig(
        steps=10_000, batch=32, optimizer=OptimizerConfig("adamw", learning_rate=1e-6, schedule="constant")
    ),
    Pm2Data,
)
