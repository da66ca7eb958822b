"""How an expression is searched: one frozen dataclass, the same in Python, TOML and on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxface.core.errors import ConfigError

Method = Literal["hybrid", "gradient", "differential-evolution"]


@dataclass(frozen=True)
class SearchConfig:
    """Search for the expression that a classifier is surest of (Facing Asymmetry, Eq. 4).

    Lengths in coefficient space are in standard deviations: a box edge is three of them away from neutral,
    so that [-3, 3] has deviation 1 and [0, 1] has deviation 1/3.
    """

    method: Method = "hybrid"
    """differential-evolution as the paper; gradient: Adam through the renderer; hybrid: the gradient first,
    differential evolution for the cases that it leaves below `evolve_below`."""

    evolve_below: float = 0.9
    """Probability that the gradient must have reached for a hybrid search to leave a case at that: renders
    spent on polishing what stands above it gained nothing (measured)."""

    target: float = 0.995
    """A case stops once its best candidate's probability (mean over `views`) exceeds this."""

    max_evaluations: int = 300
    """Most renders of one case, value-and-gradient calls counted as one each."""

    population: int = 50
    """Members of a differential-evolution generation."""

    crossover: float = 0.7
    """Share of a trial's coefficients that come from the mutant."""

    dither_min: float = 0.5
    dither_max: float = 1.0
    """The differential weight is drawn from this range, once a generation."""

    plateau: int = 10
    """A case stops when its best has not improved for this many generations."""

    sparse_share: float = 0.25
    """Share of the coefficients that a random start sets; the others stay neutral."""

    strengths: tuple[float, ...] = (1.0, 1.3)
    """Each hand-set prototype is known at these multiples of itself."""

    jitter: float = 0.5
    """Standard deviations by which a start is moved off a hand-set prototype."""

    gradient_steps: int = 40
    """Most value-and-gradient calls of one start."""

    starts: int = 3
    """Starts of the gradient method: the most promising prototypes, then sparse random ones."""

    learning_rate: float = 0.3
    final_learning_rate: float = 0.03
    """Adam's step, in standard deviations; it falls from the first to the second along a cosine."""

    prior_weight: float = 0.03
    """Weight of the squared distance from `prior_centre` over E, in deviations; 0 = the paper."""

    prior_centre: Literal["prototype", "neutral"] = "prototype"
    """Where the Gaussian prior sits: on the nearest hand-set prototype of the expression that is searched
    (on neutral where the model has none), or on neutral."""

    foreign_units: float = 0.3
    """How far a facial unit may be activated that none of the expression's hand-set prototypes uses: what
    keeps a frown from opening the jaw. 1 = as far as any other."""

    plausibility_weight: float = 10.0
    """Weight of the squared excess of implied unit activations beyond [0, 1]."""

    projections: int = 5
    """How often a candidate is projected onto the activations that lie in [0, 1] and back; 0 = the paper's
    box alone, in which lips fold into the mouth."""

    views: Literal["plain", "robust"] = "robust"
    """plain: the rendered image alone; robust: the mean over small changes of crop, colour and sharpness of
    it, so that what is found does not hang on single pixels."""

    chunk: int = 5
    """Images that the classifier is given at once; small chunks stay in the cache of a CPU."""

    def __post_init__(self) -> None:
        checks = {
            "target": (0.0 < self.target <= 1.0, "in (0, 1]"),
            "evolve_below": (0.0 <= self.evolve_below <= 1.0, "in [0, 1]"),
            "max_evaluations": (self.max_evaluations >= 1, "at least 1"),
            "population": (self.population >= 4, "at least 4: a mutant needs three others"),
            "crossover": (0.0 < self.crossover <= 1.0, "in (0, 1]"),
            "dither_min": (0.0 < self.dither_min <= self.dither_max, "positive and at most dither_max"),
            "plateau": (self.plateau >= 1, "at least 1"),
            "sparse_share": (0.0 < self.sparse_share <= 1.0, "in (0, 1]"),
            "strengths": (
                len(self.strengths) > 0 and min(self.strengths) > 0,
                "positive numbers, at least one",
            ),
            "jitter": (self.jitter >= 0.0, "at least 0"),
            "gradient_steps": (self.gradient_steps >= 1, "at least 1"),
            "starts": (self.starts >= 1, "at least 1"),
            "learning_rate": (self.learning_rate > 0.0, "positive"),
            "final_learning_rate": (
                0.0 < self.final_learning_rate <= self.learning_rate,
                "positive and at most learning_rate",
            ),
            "prior_weight": (self.prior_weight >= 0.0, "at least 0"),
            "plausibility_weight": (self.plausibility_weight >= 0.0, "at least 0"),
            "projections": (self.projections >= 0, "at least 0"),
            "foreign_units": (0.0 <= self.foreign_units <= 1.0, "in [0, 1]"),
            "chunk": (self.chunk >= 1, "at least 1"),
        }
        for name, (good, wanted) in checks.items():
            if not good:
                raise ConfigError(f"search.{name} = {getattr(self, name)!r} wants to be {wanted}")
        if self.method in ("differential-evolution", "hybrid") and self.max_evaluations < self.population:
            raise ConfigError(
                f"search.max_evaluations = {self.max_evaluations} does not pay for one generation of "
                f"{self.population}; raise it or lower search.population"
            )
