"""What a CausalAffect network is made of and what is minimized.

The paper gives none of these numbers (its appendices are not public): every default is ours.
"""

import dataclasses
import functools
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Literal, NamedTuple

from jaxface.core.checks import Checked, Ge, Gt, Interval, MinLen
from jaxface.core.errors import ConfigError, suggestion
from jaxface.data.augmentation_config import AugmentConfig
from jaxface.frameworks.causal_affect.data_config import MixedConfig
from jaxface.frameworks.common.config import Tables, TrainConfig


@dataclass(frozen=True)
class PartsConfig:
    """Which parts there are: a row of the paper's Table 3 (`row`)."""

    disentangle: bool = True
    """Dis: bottleneck, alignment and decorrelation (Eqs. 1-2)."""

    global_graph: bool = True
    """GC: one graph for all samples (Eqs. 3-6)."""

    sample_graph: bool = True
    """SAC: a graph for each sample (Eqs. 7-10)."""

    counterfactual: bool = True
    """CF: perturbed features (Eqs. 11-15)."""

    acyclic: bool = True
    """DAG: the soft constraint on graphs among action units (Eq. 5)."""

    def __post_init__(self) -> None:
        if self.counterfactual and not (self.global_graph or self.sample_graph):
            raise ConfigError("model.parts: counterfactual needs a graph; set global_graph or sample_graph")


@dataclass(frozen=True)
class SmallConfig(Checked, table="model.small"):
    """The encoder for small faces: convolutions that halve the image, then one dense layer."""

    channels: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (16, 32, 64, 64)
    """Of the convolutions, each 3 x 3 with stride 2, batch normalisation and ReLU."""

    width: Annotated[int, Ge(1)] = 128
    """D, of the embedding."""


@dataclass(frozen=True)
class BottleneckConfig(Checked, table="model.bottleneck"):
    """Weights of Eq. 2, and how dependence is measured."""

    bottleneck: Annotated[float, Ge(0.0)] = 0.02
    """lambda_ib, of the dependence of each unit's features on the embedding. Too large a weight,
    compared with `alignment`, makes them constant."""

    decorrelation: Annotated[float, Ge(0.0)] = 0.1
    """lambda_decorr, of the dependence between the features of two units."""

    alignment: Annotated[float, Ge(0.0)] = 0.1
    """lambda_align, of the dependence of each unit's features on its label."""

    normalize: bool = True
    """HSIC over the geometric mean of both kernels' own, in [0, 1] whatever the width; False = plain HSIC."""


@dataclass(frozen=True)
class GraphConfig(Checked, table="model.graph"):
    """Both levels of graphs."""

    width: Annotated[int, Ge(1)] = 256
    """d_g and d_h, of messages and of attention."""

    layers: Annotated[int, Ge(1)] = 2
    """L, of the attention that gives a sample's own graph."""

    start: Annotated[float, Gt(0.0)] = 0.1
    """Initial standard deviation of the edges' logits; at 0 an edge would have no gradient."""

    temperature: Annotated[float, Gt(0.0)] = 1.0
    """Initial exp(T_g), which is learnt."""

    self_loops: bool = False
    """Whether a unit may be its own cause: the easy solution, which Eq. 5 penalizes."""

    acyclic_global: Annotated[float, Ge(0.0)] = 0.01
    """lambda_DAG of the global graph."""

    acyclic_sample: Annotated[float, Ge(0.0)] = 0.01
    """lambda_DAG of the samples' own graphs."""


@dataclass(frozen=True)
class CounterfactualConfig(Checked, table="model.counterfactual"):
    """Interventions on features."""

    sharpness: Annotated[float, Gt(0.0)] = 10.0
    """gamma of Eq. 11."""

    threshold: Annotated[float, Interval(gt=0.0, lt=1.0)] = 0.2
    """Initial theta, in (0, 1); each target's is learnt."""

    noise: Annotated[float, Ge(0.0)] = 0.5
    """tau of Eq. 12, the perturbation's standard deviation."""

    noise_scale: Literal["relative", "absolute"] = "relative"
    """Whether tau is in units of the root mean square of the batch's features, or absolute."""

    ceiling: Literal["exponential", "clamp"] = "exponential"
    """How the divergence D over expressions is kept below 1 (Eq. 14): 1 - exp(-D), or min(D, 1)."""

    consistency: Annotated[float, Ge(0.0)] = 0.1
    """lambda_consist."""

    discrepancy: Annotated[float, Ge(0.0)] = 0.1
    """lambda_discrep."""

    consistent_features: Annotated[float, Ge(0.0)] = 1.0
    """delta_feat."""

    consistent_logits: Annotated[float, Ge(0.0)] = 1.0
    """delta_logit."""

    discrepant_features: Annotated[float, Ge(0.0)] = 1.0
    """eta_feat."""

    discrepant_logits: Annotated[float, Ge(0.0)] = 1.0
    """eta_logit."""


@dataclass(frozen=True)
class CausalAffectConfig(Checked, table="model"):
    """CausalAffect, or a row of its ablations."""

    encoder: Literal["convnext-b", "small"] = "convnext-b"
    """ConvNeXt-B (224 pixels; the paper does not say which size), or a few convolutions."""

    start: str | None = None
    """Initial weights of the ConvNeXt: a classifier's name or folder, or a file as timm publishes it."""

    excitation: Annotated[int, Ge(1)] = 16
    """By how much squeeze-and-excitation narrows the embedding."""

    width: Annotated[int, Ge(1)] = 256
    """d, of each unit's features."""

    answer: Literal["mean", "last"] = "mean"
    """What is predicted: the mean of the logits of all heads (for units those of the features, of the global
    graph and of the sample's own), or the last alone, which does not use a unit's own features."""

    expressions: Annotated[float, Ge(0.0)] = 1.0
    """lambda_Expr, of all losses of expressions."""

    augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(flip=True, crop=0.9))
    """How training images are augmented."""

    parts: PartsConfig = field(default_factory=PartsConfig)
    small: SmallConfig = field(default_factory=SmallConfig)
    bottleneck: BottleneckConfig = field(default_factory=BottleneckConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    counterfactual: CounterfactualConfig = field(default_factory=CounterfactualConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start and self.encoder == "small":
            raise ConfigError(
                f"start = {self.start!r} is of ConvNeXt-B; the small encoder has no published weights"
            )


class Row(NamedTuple):
    """A row: its number in the paper's table, its name here, and the parts it has."""

    number: int
    name: str
    parts: PartsConfig


@functools.cache
def rows() -> tuple[Row, ...]:
    """Return all rows in the table's order."""
    text = files("jaxface.frameworks.causal_affect").joinpath("variants.toml").read_text("utf-8")
    return tuple(
        Row(number, row["name"], PartsConfig(**dict.fromkeys(row["without"], False)))
        for number, row in enumerate(tomllib.loads(text)["rows"], start=1)
    )


def row(which: int | str) -> Row:
    """Return a row by its number (1 to 15) or its name; raise ConfigError without one."""
    for entry in rows():
        if which in (entry.number, entry.name):
            return entry
    names = [entry.name for entry in rows()]
    raise ConfigError(f"Table 3 has no row {which!r} among 1 to {len(names)}{suggestion(str(which), names)}")


def variant(base: CausalAffectConfig, which: int | str) -> CausalAffectConfig:
    """Return the config with the parts of a `row`; everything else stays."""
    return dataclasses.replace(base, parts=row(which).parts)


TABLES = Tables(CausalAffectConfig, TrainConfig(), MixedConfig)
