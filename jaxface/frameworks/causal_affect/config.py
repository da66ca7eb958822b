"""What a CausalAffect network is made of and what is minimised.

The paper gives none of these numbers (its appendices are not public): every default is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from jaxface.core.errors import ConfigError
from jaxface.data.augmentation import AugmentConfig


@dataclass(frozen=True)
class PartsConfig:
    """Which parts there are: a row of the paper's Table 3 (`variants.row`)."""

    disentangle: bool = True
    """Dis: bottleneck, alignment and decorrelation (Eqs. 1-2)."""

    global_graph: bool = True
    """GC: one graph for all faces (Eqs. 3-6)."""

    sample_graph: bool = True
    """SAC: a graph for each face (Eqs. 7-10)."""

    counterfactual: bool = True
    """CF: perturbed features (Eqs. 11-15)."""

    acyclic: bool = True
    """DAG: the soft constraint on graphs among action units (Eq. 5)."""

    def __post_init__(self) -> None:
        if self.counterfactual and not (self.global_graph or self.sample_graph):
            raise ConfigError("parts: counterfactual wants a graph; set global_graph or sample_graph")


@dataclass(frozen=True)
class SmallConfig:
    """The encoder for small faces: convolutions that halve the image, then one dense layer."""

    channels: tuple[int, ...] = (16, 32, 64, 64)
    """Of the convolutions, each 3 x 3 with stride 2, batch normalisation and ReLU."""

    width: int = 128
    """D, of the embedding."""

    def __post_init__(self) -> None:
        if not self.channels or min(*self.channels, self.width, 1) < 1:
            raise ConfigError(
                f"small: channels = {list(self.channels)}, width = {self.width}; wanted 1 or more"
            )


@dataclass(frozen=True)
class BottleneckConfig:
    """Weights of Eq. 2, and how dependence is measured."""

    bottleneck: float = 0.02
    """lambda_ib, of the dependence of each unit's features on the embedding. They are a function of it: too
    much of this, next to `alignment`, makes them constant."""

    decorrelation: float = 0.1
    """lambda_decorr, of the dependence between the features of two units."""

    alignment: float = 0.1
    """lambda_align, of the dependence of each unit's features on its label."""

    normalised: bool = True
    """HSIC over the geometric mean of both kernels' own, in [0, 1] whatever the width; False = as it is."""

    def __post_init__(self) -> None:
        _least(self, "bottleneck", 0.0, "bottleneck", "decorrelation", "alignment")


@dataclass(frozen=True)
class GraphConfig:
    """Both levels of graphs."""

    width: int = 256
    """d_g and d_h, of messages and of attention."""

    layers: int = 2
    """L, of the attention that finds a face's own graph."""

    start: float = 0.1
    """Standard deviation of the edges' logits at the start; at 0 an edge would have no slope."""

    temperature: float = 1.0
    """exp(T_g) at the start, which is learnt."""

    self_loops: bool = False
    """Whether a unit may be its own cause. Then copying itself is the easy answer, and Eq. 5 punishes the
    diagonal itself; so it is masked by default."""

    acyclic_global: float = 0.01
    """lambda_DAG of the graph of all faces."""

    acyclic_sample: float = 0.01
    """lambda_DAG of the faces' own graphs."""

    def __post_init__(self) -> None:
        _least(self, "graph", 1, "width", "layers")
        _least(self, "graph", 0.0, "acyclic_global", "acyclic_sample")
        if self.start <= 0.0 or self.temperature <= 0.0:
            raise ConfigError(
                f"graph: start = {self.start}, temperature = {self.temperature}; wanted more than 0 "
                "(edges that begin at 0 stay there)"
            )


@dataclass(frozen=True)
class CounterfactualConfig:
    """Interventions on features."""

    sharpness: float = 10.0
    """gamma of Eq. 11."""

    threshold: float = 0.2
    """theta at the start, in (0, 1); one of each target is learnt."""

    noise: float = 0.5
    """tau of Eq. 12, the perturbation's standard deviation."""

    noise_scale: Literal["relative", "absolute"] = "relative"
    """Whether tau counts in root mean squares of the batch's features, or as it is."""

    ceiling: Literal["exponential", "clamp"] = "exponential"
    """How the divergence D of two distributions over expressions, which has no ceiling, is kept below 1 in
    Eq. 14: 1 - exp(-D), or min(D, 1)."""

    consistency: float = 0.1
    """lambda_consist."""

    discrepancy: float = 0.1
    """lambda_discrep."""

    consistent_features: float = 1.0
    """delta_feat."""

    consistent_answers: float = 1.0
    """delta_logit."""

    discrepant_features: float = 1.0
    """eta_feat."""

    discrepant_answers: float = 1.0
    """eta_logit."""

    def __post_init__(self) -> None:
        weights = ("consistency", "discrepancy", "consistent_features", "consistent_answers")
        _least(self, "counterfactual", 0.0, *weights, "discrepant_features", "discrepant_answers", "noise")
        if self.sharpness <= 0.0 or not 0.0 < self.threshold < 1.0:
            raise ConfigError(
                f"counterfactual: sharpness = {self.sharpness}, threshold = {self.threshold}; wanted a "
                "sharpness above 0 and a threshold between 0 and 1"
            )


@dataclass(frozen=True)
class CausalAffectConfig:
    """CausalAffect, or a row of its ablations."""

    encoder: Literal["convnext-b", "small"] = "convnext-b"
    """ConvNeXt-B (224 pixels; the paper does not say which size), or a few convolutions."""

    start: str | None = None
    """Weights the ConvNeXt begins with: a classifier's name or folder, or a file as timm publishes it."""

    excitation: int = 16
    """By how much squeeze-and-excitation narrows the embedding."""

    width: int = 256
    """d, of each unit's features."""

    answer: Literal["mean", "last"] = "mean"
    """What answers an image: the mean of the logits of all heads (for units that of the features, of the graph
    of all faces and of the face's own), or the last of these alone. In the last graph nothing of a unit's own
    features is left."""

    expressions: float = 1.0
    """lambda_Expr, of everything about expressions."""

    augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(flip=True, crop=0.9))
    """How training images are varied."""

    parts: PartsConfig = field(default_factory=PartsConfig)
    small: SmallConfig = field(default_factory=SmallConfig)
    bottleneck: BottleneckConfig = field(default_factory=BottleneckConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    counterfactual: CounterfactualConfig = field(default_factory=CounterfactualConfig)

    def __post_init__(self) -> None:
        _least(self, "model", 1, "width", "excitation")
        _least(self, "model", 0.0, "expressions")
        if self.start and self.encoder == "small":
            raise ConfigError(
                f"start = {self.start!r} is of ConvNeXt-B; the small encoder has no published weights"
            )


def _least(config: Any, where: str, least: float, *names: str) -> None:
    for name in names:
        if getattr(config, name) < least:
            raise ConfigError(f"{where}: {name} = {getattr(config, name)}; wanted {least} or more")
