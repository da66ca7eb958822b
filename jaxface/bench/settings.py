"""What each benchmark can be told; `jaxface bench SUITE --help` needs no more than these."""

from dataclasses import dataclass, field
from typing import Annotated

from jaxface import classify
from jaxface.bench.targets import TARGETS
from jaxface.core.checks import OneOf, check, require
from jaxface.face import HeadConfig


@dataclass(frozen=True)
class RenderSettings(HeadConfig):
    """What is drawn."""

    batch: int = 32
    """Images per call."""

    repeats: int = 5
    """Calls; the fastest counts."""

    steps: int = 30
    """Time steps of the grid's ten symmetries: the first, middle and last ones of 90, and as many over all."""


@dataclass(frozen=True)
class DataSettings:
    """What is measured."""

    recipes: tuple[str, ...] = ("expressions", "units")
    """Names or files of recipes."""

    sizes: tuple[int, ...] = (64,)
    """Pixels along an edge, instead of the recipes' own."""

    supersample: tuple[int, ...] = (1, 2)
    """Rays along an edge of a pixel, instead of the recipes' own."""

    batch: int = 128
    """Images per call."""

    repeats: int = 5
    """Calls; the fastest counts."""


@dataclass(frozen=True)
class ClassifySettings:
    """Which classifiers are timed, and on what."""

    names: tuple[str, ...] = field(
        default_factory=lambda: tuple(row["name"] for row in classify.describe() if row["weights"] == "bundled")
    )
    """Names (`jaxface classifiers`) or folders. A classifier without weights gets arbitrary ones."""

    batches: tuple[int, ...] = (1, 50)
    """Images per call."""

    sizes: tuple[int, ...] = (112,)
    """Pixels along an edge of the images, before the classifier's own preprocessing."""

    gradient: bool = True
    """Also time the value with its gradient."""

    repeats: int = 7
    """Calls; the fastest counts."""


@dataclass(frozen=True)
class TrainSettings:
    """Which networks are trained, and on what."""

    architectures: tuple[str, ...] = ("fer-mini-xception",)
    """Networks, by the names of `classify.architectures`."""

    batch: int = 64
    """Images per step."""

    size: int = 64
    """Pixels along an edge of the images; the networks resize them."""

    steps: int = 5
    """Steps per timing."""

    repeats: int = 5
    """Timings of each loop, in turn; the fastest counts."""


@dataclass(frozen=True)
class SearchSettings:
    """What is searched."""

    classifier: str = "face-api"
    """Name or folder of the classifier."""

    identities: int = 2
    """People; each is searched for six expressions."""

    budget: int = 1500
    """Renders of a case at most."""


@dataclass(frozen=True)
class CompileSettings:
    """What is compiled, and for what."""

    target: Annotated[str, OneOf(TARGETS)] = "v5e"
    """Kind of device: v5e, v5p (extra aot-tpu), h100 (extra aot-gpu), or cpu, this machine's."""

    only: str = ""
    """Programs whose name this regular expression finds; none = all."""

    topology: str = ""
    """Several chips instead of one, such as v5e:4x4: each with slots of its own."""

    def __post_init__(self) -> None:
        check(self, "compile")


@dataclass(frozen=True)
class AuditSettings:
    """What is audited."""

    classifiers: tuple[str, ...] = ("face-api", "fer-mini-xception")
    """Names or folders."""

    identities: tuple[int, ...] = (10, 20, 40)
    """People of each audit, rising."""

    expressions: tuple[str, ...] = ("happiness", "surprise")
    """Expressions of the audits."""

    symmetry_steps: int = 10
    """Degrees of symmetry."""

    time_steps: int = 15
    """Steps of time; 90 in the paper."""

    permutations: int = 10_000
    """Shuffles of the test."""

    bfloat16: bool = True
    """Also run the smallest audit in bfloat16, and report the differences."""

    goal: int = 200
    """People of the extrapolated audit, with six expressions and 90 steps of time."""

    def __post_init__(self) -> None:
        rising = len(self.identities) >= 2 and list(self.identities) == sorted(set(self.identities))
        require(rising, "identities", self.identities, "at least two different numbers, rising")


@dataclass(frozen=True)
class CalibrationSettings:
    """How many surfaces, and how they are tested."""

    surfaces: int = 2000
    """Simulated surfaces per kind of noise, 10 x 90."""

    populations: int = 2000
    """Simulated populations for each noise and number of people, for verdict, comparison, gate and intervals; 0
    leaves them out."""

    rendered: int = 60
    """Surfaces that are rendered and classified, 10 x 12, for the classifier's own noise; 0 leaves
    it out."""

    effects: tuple[float, ...] = (0.0, 1.0, 3.0)
    """Linear change from frozen to whole that is added, in deviations of the noise; 0 counts false
    alarms."""

    alpha: float = 0.05
    """Nominal level."""

    permutations: int = 999
    """Shuffles of a surface."""

    classifier: str = "face-api"
    """Classifier of the rendered surfaces."""

    seed: int = 0
    """Of everything random."""


@dataclass(frozen=True)
class PermutationSettings:
    """How much is tested."""

    permutations: int = 10_000
    """Shuffles of a surface."""

    surfaces: int = 1200
    """Surfaces of 10 x 90."""

    loop: int = 2000
    """Shuffles of one surface that the NumPy loop is timed on; its time is scaled up."""

    repeats: int = 5
    """Calls; the fastest counts."""


@dataclass(frozen=True)
class IndependenceSettings:
    """How much is tested."""

    sizes: tuple[int, ...] = (200, 500, 1000, 2000)
    """Samples of the timed tests."""

    surrogates: int = 500
    """Shuffles of CMIknn."""

    repeats: int = 2
    """Timed calls; the fastest counts."""

    samples: int = 200
    """Samples of each simulated data set."""

    sets: int = 200
    """Simulated data sets of each kind; 0 leaves them out."""

    effect: float = 0.5
    """Weight of X in a dependent Y, whose own noise has a standard deviation of 1 (.3 when sharp)."""
