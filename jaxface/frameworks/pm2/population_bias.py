"""How women and men differ among the people of a rendered domain."""

from dataclasses import dataclass
from typing import Annotated

from jaxface.core.checks import Checked, Interval


@dataclass(frozen=True)
class PopulationBias(Checked, table="data.bias"):
    """Differences between women and men among a rendered domain's people; by default there are none.

    A biased source has few of one sex, and action units that one of them seldom shows.
    """

    women: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.5
    """Share of women among the people."""

    seldom_in_women: tuple[int, ...] = ()
    """Action units that women seldom show."""

    seldom_in_men: tuple[int, ...] = ()
    """Action units that men seldom show."""

    expressiveness_gap: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.0
    """Probability that a unit that they seldom show is left out."""

    @property
    def matched(self) -> "PopulationBias":
        """Return a population of as many women as men, who all leave out the same units, half as often."""
        both = tuple(sorted({*self.seldom_in_women, *self.seldom_in_men}))
        return PopulationBias(0.5, both, both, self.expressiveness_gap / 2.0)
