"""What is exchanged under the hypothesis that the dose does not matter; each scheme in its own words."""

from typing import NamedTuple


class Scheme(NamedTuple):
    """A permutation scheme: the registry is all that names it, so a new entry is tested, stored and reported.

    Attributes:
        whole_curve: exchange whole curves over time between doses; else shuffle each time step on its own.
        description: for a report, a sentence or two in the present tense: what it does, and its limits.
        methods_text: for a paper, one clause in the past tense.
        estimator: the statistic, where the scheme fixes it; None takes the run's.
    """

    whole_curve: bool
    description: str
    methods_text: str
    estimator: str | None = None


SCHEMES: dict[str, Scheme] = {
    "per-time": Scheme(
        whole_curve=False,
        description="At every time step the answers are shuffled over the levels, independently of the other "
        "time steps (Algorithm 1). This treats neighbouring time steps as independent: a difference between "
        "levels that merely persists over time is significant far more often than α says. Read the effect and "
        "its interval first.",
        methods_text="within each time step, answers were shuffled over the levels, independently of the other "
        "time steps (Algorithm 1 of Facing Asymmetry; it treats neighbouring time steps as independent)",
    ),
    "whole-row": Scheme(
        whole_curve=True,
        description="Whole curves over time are exchanged between levels. The level of the test is exact, but "
        "the paper's score reads only four rows: with ten steps it cannot reach .05, whatever the effect.",
        methods_text="whole curves over time were exchanged between levels",
    ),
    "slope": Scheme(
        whole_curve=True,
        estimator="slope",
        description="Whole curves over time are exchanged between levels, and compared by the least-squares "
        "slope of the answer over the levels: an exact level, and power for effects that grow with the dose.",
        methods_text="whole curves over time were exchanged between levels, and compared by their slope",
    ),
}
"""By name, as in `AuditConfig.scheme`."""
