"""How an expression is searched: one frozen dataclass, the same in Python, TOML and on the command line."""

from dataclasses import dataclass
from typing import Annotated, Literal

from jaxface.core.checks import Ge, Gt, Interval, MinLen, check, require

Method = Literal["hybrid", "gradient", "differential-evolution", "prototype"]
Initialization = Literal["prototypes", "sparse", "uniform"]


@dataclass(frozen=True)
class SearchConfig:
    """Search for the expression that a classifier is most confident of (Facing Asymmetry, Eq. 4).

    Lengths in coefficient space are in standard deviations: a box edge is three of them away from
    neutral, so that [-3, 3] has deviation 1 and [0, 1] has deviation 1/3.
    """

    method: Method = "hybrid"
    """differential-evolution: as in the paper. gradient: Adam through the renderer. hybrid: the gradient
    first, then differential evolution for the cases that it leaves below `fallback_below`. prototype: no
    search; every person shows the head's first hand-set expression."""

    fallback_below: Annotated[float, Interval(ge=0, le=1)] = 0.9
    """A hybrid search falls back on differential evolution for cases whose probability is not above this
    after the gradient. More renders for the other cases gained nothing (measured)."""

    target: Annotated[float, Interval(gt=0, le=1)] = 0.995
    """A case stops once its best candidate's probability (mean over `views`) exceeds this."""

    max_evaluations: Annotated[int, Ge(1)] = 300
    """Most renders of one case. A value-and-gradient call counts as one."""

    population: Annotated[int, Ge(4)] = 50
    """Members of a differential-evolution generation; a mutant needs three others."""

    crossover: Annotated[float, Interval(gt=0, le=1)] = 0.7
    """Probability that a coefficient of a trial comes from the mutant."""

    dither_min: Annotated[float, Gt(0)] = 0.5
    dither_max: Annotated[float, Gt(0)] = 1.0
    """Range of the differential weight, which is sampled once a generation."""

    plateau: Annotated[int, Ge(1)] = 10
    """A case stops when its best has not improved for this many generations."""

    initialization: Initialization = "prototypes"
    """Where the first candidates come from. prototypes: the hand-set expressions as they are, copies of
    them, and every third one sparse (all sparse for a head without prototypes). sparse: random expressions
    with few coefficients set. uniform: uniform over the box, as in the paper; knows nothing of faces."""

    sparse_share: Annotated[float, Interval(gt=0, le=1)] = 0.25
    """Fraction of the coefficients that a random start sets; the others stay neutral."""

    strengths: Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(1)] = (1.0, 1.3)
    """Multiples at which each hand-set prototype is used."""

    jitter: Annotated[float, Ge(0)] = 0.5
    """Standard deviation of the noise that is added to a prototype, in standard deviations."""

    gradient_steps: Annotated[int, Ge(1)] = 40
    """Most value-and-gradient calls of one start."""

    starts: Annotated[int, Ge(1)] = 3
    """Starts of the gradient method: the most promising prototypes, then sparse random ones."""

    learning_rate: Annotated[float, Gt(0)] = 0.3
    final_learning_rate: Annotated[float, Gt(0)] = 0.03
    """Adam's step, in standard deviations; it falls from the first to the second along a cosine."""

    prior_weight: Annotated[float, Ge(0)] = 0.03
    """Weight of the squared distance from `prior_centre` over E, in deviations; 0 = as in the paper."""

    prior_centre: Literal["prototype", "neutral"] = "prototype"
    """Centre of the Gaussian prior: the nearest hand-set prototype of the expression that is searched
    (neutral where the model has none), or neutral."""

    off_prototype_limit: Annotated[float, Interval(ge=0, le=1)] = 0.25
    """Largest activation of a facial unit that none of the expression's hand-set prototypes uses. It keeps
    a frown from opening the jaw. 1 = the same limit as for any other unit."""

    plausibility_weight: Annotated[float, Ge(0)] = 10.0
    """Weight of the squared excess of implied unit activations beyond [0, 1]."""

    projections: Annotated[int, Ge(0)] = 5
    """How often a candidate is projected onto activations in [0, 1] and back. 0 = the paper's box alone, in
    which lips fold into the mouth."""

    views: Literal["plain", "robust"] = "plain"
    """plain: the rendered image alone. robust: the mean over small changes of crop, colour and sharpness,
    so that the result does not depend on single pixels."""

    chunk: Annotated[int, Ge(1)] = 5
    """Images in one batch of the classifier; small chunks stay in the cache of a CPU."""

    def __post_init__(self) -> None:
        check(self, "search")
        require(self.dither_min <= self.dither_max, "search.dither_min", self.dither_min, "at most dither_max")
        require(
            self.final_learning_rate <= self.learning_rate,
            "search.final_learning_rate",
            self.final_learning_rate,
            "at most learning_rate",
        )
        require(
            self.method == "gradient" or self.max_evaluations >= self.population,
            "search.max_evaluations",
            self.max_evaluations,
            f"at least one generation of {self.population}; raise it or lower search.population",
        )
