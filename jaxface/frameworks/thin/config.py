"""What a THIN network is made of, and which row of the paper's tables it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jaxface.core.errors import ConfigError
from jaxface.data import AugmentConfig

Variant = Literal["baseline", "ensemble", "tree", "exogenous-tree", "oracle", "thin", "exogenous"]
VARIANTS: tuple[Variant, ...] = ("baseline", "ensemble", "tree", "exogenous-tree", "oracle", "thin")
"""Rows of Tables 2 and 4, from the simplest; `exogenous` trains what the last three of them stand on."""

UNTRAINED = "untrained"
"""In the place of weights: a network at random, frozen; what any second representation is worth."""


@dataclass(frozen=True)
class ThinConfig:
    """The networks and the loss. Defaults are those of MNIST-R (Section 4.1).

    Attributes:
        variant: a row of Tables 2 and 4, or `exogenous`: the network of the exogenous variable, trained first.
        exogenous: columns of the data set that hold the exogenous variables (class numbers from 0); the gate
            sees all of their representations side by side (Table 3).
        exogenous_classes: how many classes each of them has; () = as the data. VGGFace knows 2622 people.
        exogenous_weights: where the trained networks of these variables lie, one each: the folder of a training
            with `variant = "exogenous"` (whose data have the variable as their label), a file of its arrays, or
            for `vgg16-face` a VGGFace checkpoint with torchvision's names; or `untrained`.
        encoder: `small`: a 3 x 3 convolution, normalisation, ReLU and 2 x 2 pooling for each of `widths`;
            `vgg16-face`: thirteen convolutions, of 224-pixel faces.
        widths: channels of the small encoder's convolutions.
        start_from_exogenous: the endogenous encoder begins as a copy of the (first) exogenous one.
        depth: of the gate's tree; the ensemble has 2^depth experts.
        expert_hidden: hidden layers of one expert.
        baseline_hidden: hidden layers of the baseline's only classifier.
        exogenous_hidden: hidden layers of the exogenous classifier; VGGFace brings its own.
        expert_pool: a further 2 x 2 pooling before the experts (never before the baseline's classifier).
        gate_average: the gate sees the mean of each channel, not the whole map.
        gate_norm: batch normalisation before the gate's sigmoid (the authors' code has it, Eq. 3 has not).
        dispelling: lambda of Eq. 8; only `thin` has the loss.
        augment: how images are varied while training; all networks see the same.
    """

    variant: Variant = "thin"
    exogenous: tuple[str, ...] = ("rotation",)
    exogenous_classes: tuple[int, ...] = ()
    exogenous_weights: tuple[str, ...] = ()
    encoder: Literal["small", "vgg16-face"] = "small"
    widths: tuple[int, ...] = (16, 16)
    start_from_exogenous: bool = False
    depth: int = 3
    expert_hidden: tuple[int, ...] = (32,)
    baseline_hidden: tuple[int, ...] = (256,)
    exogenous_hidden: tuple[int, ...] = (256,)
    expert_pool: bool = False
    gate_average: bool = False
    gate_norm: bool = False
    dispelling: float = 0.005
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if not self.exogenous:
            raise ConfigError("exogenous is empty; name the column of at least one exogenous variable")
        for name in ("exogenous_classes", "exogenous_weights"):
            count = len(getattr(self, name))
            if count not in (0, len(self.exogenous)):
                raise ConfigError(
                    f"{count} {name} for {len(self.exogenous)} variables; wanted one each, in the same order"
                )
        if self.variant == "exogenous" and len(self.exogenous) != 1:
            raise ConfigError(
                f"variant 'exogenous' learns one variable at a time, got {list(self.exogenous)}; train one "
                "network for each"
            )
        for name, least in (("depth", 1), ("dispelling", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} = {getattr(self, name)}; wanted at least {least}")
        for name in ("widths", "expert_hidden", "baseline_hidden", "exogenous_hidden", "exogenous_classes"):
            if min(getattr(self, name), default=1) < 1:
                raise ConfigError(f"{name} = {list(getattr(self, name))}; wanted counts from 1 on")
        if not self.widths:
            raise ConfigError("widths is empty; the small encoder wants at least one convolution")

    @property
    def experts(self) -> int:
        """L: how many classifiers answer together."""
        return 1 if self.variant == "baseline" else 2**self.depth

    @property
    def gated_by(self) -> Literal["nothing", "endogenous", "exogenous", "truth"]:
        """What the gate of this variant looks at."""
        if self.variant == "tree":
            return "endogenous"
        if self.variant == "oracle":
            return "truth"
        return "exogenous" if self.variant in ("exogenous-tree", "thin") else "nothing"
