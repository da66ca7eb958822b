"""How long an audit will take, estimated from what others took: `jaxface audit --dry-run`."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import jax

from jaxface.audit.config import AuditConfig
from jaxface.classify import Card
from jaxface.core.config import from_dict
from jaxface.core.runtime import cores
from jaxface.interventions import Intervention, WholeGrid
from jaxface.interventions._base import Change

REFERENCE_PIXELS = 112


@dataclass(frozen=True)
class Costs:
    """The keys of `costs.toml`, in CPU seconds unless they say otherwise."""

    compiling: float
    picture_in_grid: float
    picture_alone: float
    gradient: float
    calls: int
    surface: float
    share_of_cores: float
    answer: dict[str, float]


class Work(NamedTuple):
    """What one classifier has to do in an audit.

    Attributes:
        searches: full expressions that are searched.
        surfaces: how many there are, of `pictures` each.
    """

    card: Card
    searches: int
    surfaces: int
    pictures: int


class Estimate(NamedTuple):
    """CPU seconds of an audit, without compiling.

    Attributes:
        least: where every search succeeds as soon as most do.
        most: where no search succeeds before it has used up its renders.
        compiling: where no program is in the cache; NaN = not known.
        unknown: names of classifiers whose answers have no measured cost; they are left out.
    """

    least: float
    most: float
    compiling: float
    unknown: tuple[str, ...]


@cache
def read_costs() -> Costs:
    """Return the measured costs that come with the package."""
    text = (files("jaxface.audit") / "costs.toml").read_text("utf-8")
    return from_dict(Costs, tomllib.loads(text))


def estimate(config: AuditConfig, intervention: Intervention, works: Sequence[Work]) -> Estimate:
    """Estimate the cost of an audit's work on CPUs like those of `costs.toml`."""
    costs = read_costs()
    rays = (config.render.size / REFERENCE_PIXELS) ** 2 * config.render.supersample**2 / 4
    alone = costs.picture_alone * rays
    picture = costs.picture_in_grid * rays if _shares_triangles(intervention) else alone
    least = most = 0.0
    for work in works:
        answer = costs.answer.get(work.card.architecture, 0.0)
        drawing = work.surfaces * (costs.surface + work.pictures * (picture + answer))
        call = costs.gradient * (alone + answer)
        evaluations = config.search.max_evaluations
        none = config.search.method == "prototype"
        least += drawing + (0.0 if none else work.searches * min(costs.calls, evaluations) * call)
        most += drawing + (0.0 if none else work.searches * evaluations * call)
    unknown = (work.card.name for work in works if work.card.architecture not in costs.answer)
    return Estimate(least, most, costs.compiling * len(works), tuple(unknown))


def _shares_triangles(intervention: Intervention) -> bool:
    """Return whether an intervention draws a grid sooner than picture by picture."""
    own = getattr(type(intervention), "affine_fields", None)
    return isinstance(intervention, WholeGrid) or own is not Change.affine_fields


def total(estimates: Sequence[Estimate]) -> Estimate:
    """Return the sum of several audits; how much of each other's programs they use is not known."""
    unknown = dict.fromkeys(name for each in estimates for name in each.unknown)
    least, most = sum(each.least for each in estimates), sum(each.most for each in estimates)
    return Estimate(least, most, math.nan, tuple(unknown))


def in_words(cost: Estimate, count: int | None = None) -> str:
    """Return an estimate in words, such as "3 to 9 minutes on 2 cores, ... (estimated ...)".

    Args:
        count: cores; None = those that this process may use.
    """
    if (backend := jax.default_backend()) != "cpu":
        return f"not estimated for a {backend}"
    count = count or cores()
    usable = max(count * read_costs().share_of_cores, 1.0)
    low, high = _words(cost.least / usable), _words(cost.most / usable)
    number, unit = low.split()
    span = high if low == high else f"{number if unit == high.split()[1] else low} to {high}"
    compiling = "" if math.isnan(cost.compiling) else f"up to {_words(cost.compiling / usable)} of "
    text = f"{span} on {count} {'core' if count == 1 else 'cores'}, and {compiling}compiling the first time"
    if cost.unknown:
        text += f"; without the answers of {', '.join(cost.unknown)}, whose cost is not known"
    return f"{text} (estimated from measurements on another machine)"


def _words(seconds: float) -> str:
    """Return a time with two digits, in the unit that fits it; two seconds at least."""
    for name, size in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * size:
            return f"{_two_digits(seconds / size)} {name}"
    return f"{_two_digits(max(seconds, 2.0))} seconds"


def _two_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 9.95 else f"{number:.2g}"
