"""What a THIN network is made of, and which row of the paper's tables it is."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from jaxface.core.checks import Checked, Ge, MinLen
from jaxface.core.errors import ConfigError
from jaxface.data.augmentation_config import AugmentConfig
from jaxface.frameworks.common.config import OptimizerConfig, Tables, TrainConfig
from jaxface.frameworks.common.data_config import DataConfig

Variant = Literal["baseline", "ensemble", "tree", "exogenous-tree", "oracle", "thin", "exogenous"]
VARIANTS: tuple[Variant, ...] = ("baseline", "ensemble", "tree", "exogenous-tree", "oracle", "thin")
"""Rows of Tables 2 and 4, from the simplest; `exogenous` trains the networks that the last three need."""

UNTRAINED = "untrained"
"""Instead of weights: a frozen network with random weights, as a control for any second representation."""


@dataclass(frozen=True)
class ThinConfig(Checked, table="model"):
    """The networks and the loss. Defaults are those of MNIST-R (Section 4.1).

    Attributes:
        variant: a row of Tables 2 and 4, or `exogenous`: the network of the exogenous variable, trained first.
        exogenous: columns of the data set with the exogenous variables (class numbers from 0); the gate takes
            all of their representations, concatenated (Table 3).
        exogenous_classes: how many classes each of them has; () = as the data. VGGFace knows 2622 people.
        exogenous_weights: the trained networks of these variables, one each: the folder of a training
            with `variant = "exogenous"` (whose data have the variable as their label), a file of its arrays, or
            for `vgg16-face` a VGGFace checkpoint with torchvision's names; or `untrained`.
        encoder: `small`: a 3 x 3 convolution, normalisation, ReLU and 2 x 2 pooling for each of `widths`;
            `vgg16-face`: thirteen convolutions, of 224-pixel faces.
        widths: channels of the small encoder's convolutions.
        start_from_exogenous: initialize the endogenous encoder with a copy of the (first) exogenous one.
        depth: of the gate's tree; the ensemble has 2^depth experts.
        expert_hidden: hidden layers of one expert.
        baseline_hidden: hidden layers of the baseline's only classifier.
        exogenous_hidden: hidden layers of the exogenous classifier; VGGFace has its own.
        expert_pool: a further 2 x 2 pooling before the experts (never before the baseline's classifier).
        gate_average: the gate takes the mean of each channel, not the whole map.
        gate_norm: batch normalization before the gate's sigmoid (the authors' code has it, Eq. 3 has not).
        dispelling: lambda of Eq. 8; only `thin` has the loss.
        augment: how training images are augmented; all networks take the same.
    """

    variant: Variant = "thin"
    exogenous: Annotated[tuple[str, ...], MinLen(1)] = ("rotation",)
    exogenous_classes: tuple[Annotated[int, Ge(1)], ...] = ()
    exogenous_weights: tuple[str, ...] = ()
    encoder: Literal["small", "vgg16-face"] = "small"
    widths: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (16, 16)
    start_from_exogenous: bool = False
    depth: Annotated[int, Ge(1)] = 3
    expert_hidden: tuple[Annotated[int, Ge(1)], ...] = (32,)
    baseline_hidden: tuple[Annotated[int, Ge(1)], ...] = (256,)
    exogenous_hidden: tuple[Annotated[int, Ge(1)], ...] = (256,)
    expert_pool: bool = False
    gate_average: bool = False
    gate_norm: bool = False
    dispelling: Annotated[float, Ge(0.0)] = 0.005
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("exogenous_classes", "exogenous_weights"):
            count = len(getattr(self, name))
            if count not in (0, len(self.exogenous)):
                raise ConfigError(
                    f"model.{name} has {count} entries for {len(self.exogenous)} variables: must be one "
                    "each, in the same order"
                )
        if self.variant == "exogenous" and len(self.exogenous) != 1:
            raise ConfigError(
                f"variant 'exogenous' learns one variable at a time, got {list(self.exogenous)}; train one "
                "network for each"
            )

    @property
    def experts(self) -> int:
        """L: the number of experts."""
        return 1 if self.variant == "baseline" else 2**self.depth

    @property
    def gate_input(self) -> Literal["nothing", "endogenous", "exogenous", "truth"]:
        """What the gate of this variant takes."""
        if self.variant == "tree":
            return "endogenous"
        if self.variant == "oracle":
            return "truth"
        return "exogenous" if self.variant in ("exogenous-tree", "thin") else "nothing"


TABLES = Tables(
    ThinConfig,
    TrainConfig(
        steps=10_000, batch=32, optimizer=OptimizerConfig("adam", learning_rate=1e-3, schedule="constant")
    ),
    DataConfig,
)
