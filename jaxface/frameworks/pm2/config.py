"""What a detector of action units is made of, and how it is carried from one domain to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from jaxface.core.errors import ConfigError
from jaxface.data.augmentation import AugmentConfig

Method = Literal["direct", "dan", "dann", "jan", "cdan", "mcd", "m3sda", "pm2"]
METHODS: tuple[Method, ...] = get_args(Method)
"""Rows of Tables 3 to 5, in their order."""

Backbone = Literal["small", "resnet18", "swin-b", "drml", "drml-small", "jaa-net", "jaa-net-small"]
"""Keys of `encoders.ENCODERS`."""


@dataclass(frozen=True)
class AdaptationConfig:
    """What the baselines have and PM2 has not."""

    weight: float = 1.0
    """Of the discrepancy of DAN, DANN, JAN and CDAN beside the loss on the source."""

    kernels: int = 5
    """Gaussian kernels of DAN and JAN: variances are 2^-3, 2^-2, ... times the mean squared distance."""

    discriminator: tuple[int, ...] = (1024, 1024)
    """Hidden layers of what tells the domains apart in DANN and CDAN."""

    reversal: float = 10.0
    """a of the reversed gradient's share 2 / (1 + exp(-a p)) - 1 at progress p (Ganin et al. 2016)."""

    moments: int = 2
    """Orders of moments that M3SDA matches: 2 is PM2's Eq. 4, 5 M3SDA's own code."""

    centred: bool = False
    """Moments about the mean from the second on, as in that code; PM2's Eq. 4 has them about zero."""

    def __post_init__(self) -> None:
        for name, least in (("weight", 0.0), ("reversal", 0.0), ("kernels", 1), ("moments", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"adaptation: {name} = {getattr(self, name)}; wanted {least} or more")
        if min(self.discriminator, default=1) < 1:
            raise ConfigError(
                f"adaptation: discriminator = {list(self.discriminator)}; wanted widths from 1 on"
            )


@dataclass(frozen=True)
class Pm2Config:
    """PM2, or one of what it is compared with, on the same networks. Defaults are the paper's (Table 1)."""

    method: Method = "pm2"
    """A row of Tables 3 to 5; `direct` learns from the labelled source alone."""

    encoder: Backbone = "swin-b"
    """What turns faces into features. `small`: a few convolutions, for faces of 64 pixels;
    `drml-small` and `jaa-net-small` are the two with fewer channels, for such faces too."""

    widths: tuple[int, ...] = (16, 32, 64, 64)
    """Channels of the small encoder's convolutions, each at half the size of the one before; four at most."""

    features: int = 128
    """D of the small encoder."""

    hidden: tuple[int, ...] = (256,)
    """Hidden layers of each of the two classifiers."""

    dropout: float = 0.0
    """After each of these layers."""

    alpha: float = 0.3
    """Weight of the classifiers' discrepancy on the target (Eq. 8 and 9): of MCD, M3SDA and PM2."""

    beta: float = 0.5
    """Weight of the moments (Eq. 7): of the pairs in PM2, of whole domains in M3SDA."""

    repeats: int = 1
    """How often step 3 is done for each time that steps 1 and 2 are; MCD's code has 4."""

    reduction: Literal["mean", "sum"] = "mean"
    """What stands in the place of the equations' sums over action units (Eq. 2 and 3) and, within a norm, over
    features (Eq. 4 and 5): the mean, so that alpha, beta and the baselines' weights mean the same for any
    number of either; or the sum, as written."""

    start: str | None = None
    """What training begins with: the folder of an earlier one (the paper: of `method = "direct"`), or for the
    encoder alone a classifier's name or a checkpoint file of its architecture; None = drawn anew."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How training images are varied; a face and its pair alike."""

    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            if getattr(self, name) < 0.0:
                raise ConfigError(f"{name} = {getattr(self, name)}; wanted 0 or more")
        if self.repeats < 1:
            raise ConfigError(f"repeats = {self.repeats}; wanted 1 or more (alpha = 0 leaves step 3 out)")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout = {self.dropout}; wanted 0 <= dropout < 1")
        if not 1 <= len(self.widths) <= 4 or min((*self.widths, *self.hidden, self.features)) < 1:
            raise ConfigError(
                f"widths = {list(self.widths)}, hidden = {list(self.hidden)}, features = {self.features}; "
                "wanted counts from 1 on, and one to four widths"
            )

    @property
    def alternates(self) -> bool:
        """Whether it trains in three steps with two optimisers."""
        return self.method in ("mcd", "m3sda", "pm2")

    @property
    def needs_target(self) -> bool:
        """Whether it looks at images of the target domain."""
        return self.method != "direct" and not (self.method == "pm2" and self.alpha == 0.0)

    @property
    def needs_pairs(self) -> bool:
        """Whether it looks at avatars."""
        return self.method == "m3sda" or (self.method == "pm2" and self.beta > 0.0)
