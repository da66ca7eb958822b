"""Tables 3 to 6 on rendered domains: what is compared, on which faces, and how it is measured.

Faces are drawn once for a direction and a seed and kept in memory. Nothing of the target but its images without
labels is seen before the end: every network has the same number of steps and the last one counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx

from jaxface.data import rendered
from jaxface.frameworks.common import seeds
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.evaluate import measures
from jaxface.frameworks.common.framework import Info, Task, programs
from jaxface.frameworks.common.inputs import recipe_at, task_of
from jaxface.frameworks.pm2.config import METHODS, Pm2Config
from jaxface.frameworks.pm2.domains import Habits, avatars_of, faces, pairs
from jaxface.frameworks.pm2.train import FRAMEWORK
from jaxface.frameworks.pm2.weights import carried

_BATCH, _AT_ONCE = 64, 250  # images drawn, and asked about, in one call
_ABLATION = ((0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (1.0, 1.0), (0.3, 0.5))
_OTHERS = 1  # which stream of a seed the target is of

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Faces:
    """Which faces are drawn; the numbers are of images, of one seed and direction."""

    units: tuple[int, ...] = (1, 2, 4, 6, 9, 12, 25, 26)
    """DISFA's."""

    intensity: tuple[float, float] = (0.7, 1.0)
    rate: float = 0.35
    style: float = 0.1
    """These and faces without a rest of their own make of the recipes something that a small network learns
    from some thousand faces."""

    people: int = 200
    """In each domain."""

    source: int = 3000
    held_out: float = 0.2
    """Share of the source's people who are kept apart, to choose the training by."""

    target: int = 2000
    """Without labels, to adapt to."""

    test: int = 3000
    """Of the target's other people; where there are few, the fair would look unfair by chance."""

    avatars: int = 30
    """Of each sex."""

    habits: Habits = field(
        default_factory=lambda: Habits(
            women=0.8, seldom_in_women=(4, 9, 26), seldom_in_men=(1, 2, 12), restraint=0.75
        )
    )
    """Of the source's people; the target's are its `fair`."""


class Ground(NamedTuple):
    """What networks of one direction and seed are trained on and measured by.

    Attributes:
        task: the action units, and the images' size.
        source: labelled faces with `female` and `male`.
        held: faces of other people of the source.
        target: faces, (N, size, size, 3) uint8.
        test: labelled faces of other people of the target.
    """

    task: Task
    source: Columns
    held: Columns
    target: np.ndarray
    test: Columns


class Variant(NamedTuple):
    """A row of a table."""

    table: str
    name: str
    config: Pm2Config


def variants(base: Pm2Config) -> Iterator[Variant]:
    """The rows of Tables 3 to 5 and of Table 6, each once: what two tables share is in the first."""
    for method in METHODS:
        yield Variant("methods", method, dataclasses.replace(base, method=method))
    for alpha, beta in _ABLATION:
        shared = (alpha, beta) == (base.alpha, base.beta) or (alpha, beta) == (base.alpha, 0.0)
        if not shared:  # PM2 itself, and MCD, which is PM2 without its moments
            config = dataclasses.replace(base, method="pm2", alpha=alpha, beta=beta)
            yield Variant("ablation", f"alpha={alpha:g} beta={beta:g}", config)


def drawn(source: str, target: str, faces_of: Faces, size: int, seed: int) -> Ground:
    """The faces of one direction and seed.

    Args:
        source, target: names of recipes, or their files.
        size: pixels along an edge.
    """
    habits = faces_of.habits
    labelled, unlabelled = (_recipe(name, faces_of, size) for name in (source, target))
    images = rendered.dataset(labelled, faces_of.source, 2 * seed, sampler=faces(habits))
    others = rendered.rendered_stream(
        avatars_of(_recipe("avatars", faces_of, size), labelled),
        _BATCH,
        2 * seed,
        sampler=pairs(habits, faces_of.avatars),
    )
    parts = [jax.device_get(next(others)) for _ in range(-(-faces_of.source // _BATCH))]
    columns = images.rows(np.arange(len(images)))
    columns |= {
        name: np.concatenate([part[name] for part in parts])[: len(images)] for name in ("female", "male")
    }
    count = faces_of.target + faces_of.test
    foreign = rendered.dataset(unlabelled, count, 2 * seed + _OTHERS, sampler=faces(habits.fair))
    kept, held = by_people(columns, 1.0 - faces_of.held_out)
    adapt, test = by_people(foreign.rows(np.arange(count)), faces_of.target / count)
    return Ground(task_of(images, size, "units"), kept, held, adapt["image"], test)


class Learned(NamedTuple):
    """A trained network.

    Attributes:
        config, train: how it came to be.
        state: of the networks, after the last step.
        info: what that step told.
    """

    config: Pm2Config
    train: TrainConfig
    state: nnx.State
    info: dict[str, float]


def learned(
    config: Pm2Config, train: TrainConfig, ground: Ground, seed: int, begin: nnx.State | None = None
) -> Learned:
    """Train one network on a direction's faces.

    Args:
        seed: of first parameters, of the order of the faces, and of every step.
        begin: an earlier network whose encoder and classifiers it goes on with.
    """
    made = programs(FRAMEWORK, config, ground.task, train)
    state = made.first(seed)
    if begin is not None:
        step = FRAMEWORK.make_step(config, ground.task, train, made.graphdef)
        state = step.init(carried(state.best(), begin, "the network trained before"))
    images = {"target": ground.target} if config.needs_target else {}
    names = ["image", "units", "units_known", *(("female", "male") if config.needs_pairs else ())]
    labelled = {name: ground.source[name] for name in names}
    root = jax.random.key(seed)
    info: Info = {}
    orders = zip(
        _order(len(ground.source["image"]), train, 2 * seed),
        _order(len(ground.target), train, 2 * seed + _OTHERS),
        strict=True,
    )
    for rows, others in orders:
        batch = {name: column[rows] for name, column in labelled.items()}
        batch |= {name: column[others] for name, column in images.items()}
        state, info = made.update(state, batch, root)
    told = {name: float(value) for name, value in jax.device_get(dict(info)).items()}
    return Learned(config, train, state.best(), told)


def answers(network: Learned, task: Task, images: np.ndarray) -> np.ndarray:
    """Logits (N, U) of faces (N, H, W, 3)."""
    predict = programs(FRAMEWORK, network.config, task, network.train).predict
    found = []
    for first in range(0, len(images), _AT_ONCE):
        rows = np.arange(first, first + _AT_ONCE).clip(max=len(images) - 1)  # the last part is filled up
        found.append(np.asarray(predict(network.state, images[rows])))
    return np.concatenate(found)[: len(images)]


def measured(network: Learned, ground: Ground) -> dict[str, float]:
    """F1 of each action unit and their mean over all test faces, equal opportunity, parity difference; and F1
    on the held-out people of the source."""
    found = measures(ground.task, "units", answers(network, ground.task, ground.test["image"]), ground.test)
    held = measures(ground.task, "units", answers(network, ground.task, ground.held["image"]), ground.held)
    return {**found, "source_f1": held["f1"], "source_parity_difference": held["parity_difference"]}


def truth_parity(ground: Ground) -> float:
    """The parity difference of the labels themselves: what chance leaves of a target that is meant to be
    fair."""
    truth = np.where(ground.test["units"] > 0.5, 1.0, -1.0)
    return measures(ground.task, "units", truth, ground.test)["parity_difference"]


def over_directions(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of what all directions have, as Tables 3 to 5 take it: after that over units."""
    shared = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: float(np.mean([row[name] for row in rows])) for name in shared}


def over_seeds(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Mean and sample deviation of each measure, and the values by seed of the three that are compared."""
    found = seeds.aggregate_seeds(rows)
    for name in ("f1", "equal_opportunity", "parity_difference"):
        if name in rows[0]:
            found[f"{name}_by_seed"] = [round(row[name], 4) for row in rows]
    return found


def _recipe(name: str, faces_of: Faces, size: int) -> rendered.RenderedDatasetConfig:
    """A domain's recipe with the protocol's action units and number of people."""
    found = recipe_at(Path(name), size)
    people = dataclasses.replace(found.people, identities=faces_of.people, style=faces_of.style, rest=0.0)
    units = dataclasses.replace(
        found.units, numbers=faces_of.units, intensity=faces_of.intensity, rate=faces_of.rate
    )
    return dataclasses.replace(found, people=people, units=units)


def by_people(columns: Columns, share: float) -> tuple[Columns, Columns]:
    """The faces of the first share of the people, and those of the others."""
    people = np.unique(columns["identity"])
    first = columns["identity"] < people[round(share * len(people))]
    return tuple({name: each[rows] for name, each in columns.items()} for rows in (first, ~first))  # type: ignore[return-value]


def _order(count: int, train: TrainConfig, seed: int) -> np.ndarray:
    """(steps, batch) rows: every face once, in a new order each time all have been."""
    wanted = train.steps * train.batch
    passes = np.tile(np.arange(count, dtype=np.int32), (-(-wanted // count), 1))
    rows = np.random.default_rng(seed).permuted(passes, axis=1).reshape(-1)[:wanted]
    return rows.reshape(train.steps, train.batch)
