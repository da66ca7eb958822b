"""The batches of PM2: a labelled source, a pair of avatars of each of its faces, and an unlabelled target."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxface import data
from jaxface.core.errors import ConfigError, DataError
from jaxface.data import Dataset, Stream, rendered
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.inputs import RECIPE, TrainInputs, parse_options, recipe_at, task_of
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.domains import Habits, avatars_of, faces, pairs, target_of
from jaxface.frameworks.pm2.encoders import ENCODERS
from jaxface.frameworks.pm2.paired_data import joined, with_pairs

NONE = "none"
_COLUMNS = ("image", "units", "units_known", "sex", "paired", "landmarks")
_ELSEWHERE, _TARGET = 1, 2  # streams of a seed: of what is held out, and of the target


@dataclass(frozen=True)
class DomainConfig:
    """Where the images of a domain come from."""

    data: str = RECIPE
    """A data set's name (bp4d, disfa, gft, rendered, ...); `recipe`: rendered while training goes on; `none`:
    there is no such domain."""

    root: Path = Path("wild")
    """Folder or file of the data set; of a recipe, its name or its TOML file."""

    options: tuple[str, ...] = ()
    """NAME=VALUE for the data set's reader, such as split=train fold=1."""


@dataclass(frozen=True)
class Pm2Data:
    """Which faces. Only the source's labels are used, for training and for choosing parameters alike."""

    source: DomainConfig = field(default_factory=lambda: DomainConfig(root=Path("lab")))
    """Labelled faces."""

    pairs: DomainConfig = field(default_factory=lambda: DomainConfig(root=Path("avatars")))
    """Two avatars of each face's expression: `recipe`, drawn for a source that is one, too; or `rendered`: the
    folder of the retargeting command, with the columns `pair` (number of the source's image, as its reader with
    the same options counts) and `sex`."""

    target: DomainConfig = field(default_factory=DomainConfig)
    """Faces without labels; what labels there are is not looked at."""

    units: tuple[int, ...] = ()
    """Numbers of the action units to learn; none = all that source and target have in common."""

    habits: Habits = field(default_factory=Habits)
    """How women and men differ in a source that is a recipe; its target shows the same units without the
    difference."""

    avatars: int = 30
    """How many of each sex a recipe of pairs draws from."""

    validation: tuple[str, ...] = ()
    """NAME=VALUE for the source's reader, such as split=test; none = some of its people are held out."""

    held_out: float = 0.1
    """Share of the source's people who are held out for validation; 0 = none."""

    validation_images: int = 512
    """Images of a recipe, of people who are not trained on, that are drawn for validation; 0 = none."""

    workers: int = 2
    """Threads that read images ahead, for each domain."""

    def __post_init__(self) -> None:
        if self.source.data == NONE:
            raise ConfigError("data.source.data = 'none'; PM2 learns action units from a labelled source")
        if self.pairs.data == RECIPE and self.source.data != RECIPE:
            raise ConfigError(
                f"avatars of the data set {self.source.data!r} are not drawn while training: write them with "
                "`jaxface retarget` and name that folder (data.pairs.data = 'rendered'), or set it to 'none'"
            )
        if self.pairs.data not in (RECIPE, NONE) and self.source.data == RECIPE:
            raise ConfigError(
                "avatars of a recipe are drawn while training: data.pairs.data = 'recipe' or 'none'"
            )
        if not 0.0 <= self.held_out < 1.0:
            raise ConfigError(f"held_out = {self.held_out}; wanted 0 <= held_out < 1")
        if self.avatars < 1 or self.validation_images < 0 or self.workers < 0:
            raise ConfigError("avatars wants to be 1 or more, validation_images and workers 0 or more")


class Combined:
    """Batches of several streams side by side.

    Attributes:
        streams: by the domain, `source`, `pairs` and `target`; each gives batches of one size.
    """

    def __init__(self, streams: Mapping[str, Stream]) -> None:
        self.streams = dict(streams)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        """`image`, `units`, `units_known` and `sex` of the source, `female` and `male`, and `target`."""
        drawn = {name: next(stream) for name, stream in self.streams.items()}
        batch = {
            name: column for name, column in drawn["source"].items() if name in (*_COLUMNS, "female", "male")
        }
        if "pairs" in drawn:
            batch |= {name: drawn["pairs"][name] for name in ("female", "male")}
        if "target" in drawn:
            batch["target"] = drawn["target"]["image"]
        return batch

    def get_state(self) -> dict[str, Any]:
        """The place of each stream."""
        return {name: stream.get_state() for name, stream in self.streams.items()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from places that `get_state` told."""
        for name, stream in self.streams.items():
            stream.set_state(state[name])


def pm2_inputs(model: Pm2Config, settings: Pm2Data, train: TrainConfig, seed: int) -> TrainInputs:
    """The domains that the method looks at, and people of the source who are held out.

    Raises:
        ConfigError: a method without a domain that it needs, or no such recipe.
        DataError: a data set is missing, or has not what is wanted.
    """
    for name, needed in (("target", model.needs_target), ("pairs", model.needs_pairs)):
        if needed and getattr(settings, name).data == NONE:
            raise ConfigError(
                f"method {model.method!r} looks at data.{name}, which is 'none'; name where it lies"
            )
    size = ENCODERS[model.encoder].size
    target = _target(settings, size)
    make = _of_recipes if settings.source.data == RECIPE else _of_files
    found, held, streams = make(settings, model, target, train.batch, size, seed)
    if model.needs_target and target is not None:
        streams["target"] = (
            rendered.rendered_stream(
                target, train.batch, 3 * seed + _TARGET, sampler=faces(settings.habits.fair)
            )
            if isinstance(target, rendered.RenderedDatasetConfig)
            else data.batches(target, train.batch, seed, size=size, workers=settings.workers)
        )
    drawn = settings.source.data == RECIPE
    notes = () if drawn else tuple(str(found.report).splitlines())
    to = "" if target is None else f" -> {target.name}"
    task = task_of(found, size, "units")
    return TrainInputs(Combined(streams), held, task, f"{found.name}{to}", 0 if drawn else len(found), notes)


Made = tuple[Dataset, Dataset | None, dict[str, Stream]]
"""The source, what of it is held out, and the streams of source and pairs."""


def _of_recipes(settings: Pm2Data, model: Pm2Config, target: Any, batch: int, size: int, seed: int) -> Made:
    source = _with_units(recipe_at(settings.source.root, size), settings.units)
    source = dataclasses.replace(source, landmarks=ENCODERS[model.encoder].loss is not None)
    common = _common(source.units.numbers, target)
    source = _with_units(source, common)
    studio, sampler = rendered.build_assets(source), faces(settings.habits)
    streams: dict[str, Stream] = {"source": rendered.rendered_stream(studio, batch, 3 * seed, sampler=sampler)}
    if model.needs_pairs:
        avatars = avatars_of(recipe_at(settings.pairs.root, size), source)
        drawn = pairs(settings.habits, settings.avatars)
        streams["pairs"] = rendered.rendered_stream(avatars, batch, 3 * seed, sampler=drawn)
    held = None
    if settings.validation_images:
        others = dataclasses.replace(studio, recipe=strangers(source))
        held = rendered.dataset(others, settings.validation_images, 3 * seed + _ELSEWHERE, sampler=sampler)
    return held or rendered.dataset(studio, 1, sampler=sampler), held, streams


def _of_files(settings: Pm2Data, model: Pm2Config, target: Any, batch: int, size: int, seed: int) -> Made:
    of = settings.source
    whole = data.open(of.data, of.root, **parse_options(of.options))
    if not whole.units:
        raise DataError(f"{whole.name} has no action units to learn")
    units = _common(settings.units or whole.units, target)
    if model.needs_pairs:
        whole = with_pairs(whole, data.open(settings.pairs.data, settings.pairs.root), size)
    whole = joined(whole, units)
    if settings.validation:
        found, held = whole, data.open(of.data, of.root, **parse_options(settings.validation))
        held = joined(held, units)
    elif settings.held_out:
        by = "identity" if "identity" in whole.columns else None
        held, found = whole.split(settings.held_out, seed, by=by)
    else:
        found, held = whole, None
    return found, held, {"source": data.batches(found, batch, seed, size=size, workers=settings.workers)}


def _target(settings: Pm2Data, size: int) -> Dataset | rendered.RenderedDatasetConfig | None:
    of = settings.target
    if of.data == NONE:
        return None
    if of.data == RECIPE:
        found = recipe_at(of.root, size)
        if settings.source.data == RECIPE:
            found = target_of(found, recipe_at(settings.source.root, size))
        return _with_units(found, settings.units)
    return data.open(of.data, of.root, **parse_options(of.options))


def _common(units: tuple[int, ...], target: Any) -> tuple[int, ...]:
    """The action units that a target has, too, in the order of `units`.

    Raises:
        DataError: there are none.
    """
    if target is None:
        return units
    theirs = target.units.numbers if isinstance(target, rendered.RenderedDatasetConfig) else target.units
    common = tuple(unit for unit in units if unit in theirs)
    if not common:
        raise DataError(f"source and target have no action unit in common: {list(units)} and {list(theirs)}")
    return common


def strangers(recipe: rendered.RenderedDatasetConfig) -> rendered.RenderedDatasetConfig:
    """The recipe with other people: those who come after its own."""
    people = recipe.people
    first = people.first + people.identities
    return dataclasses.replace(recipe, people=dataclasses.replace(people, first=first))


def _with_units(
    recipe: rendered.RenderedDatasetConfig, units: tuple[int, ...]
) -> rendered.RenderedDatasetConfig:
    if not units:
        return recipe
    return dataclasses.replace(recipe, units=dataclasses.replace(recipe.units, numbers=units))
