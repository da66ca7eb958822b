"""The batches of PM2: a labelled source, a pair of avatars of each of its faces, and an unlabelled target."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from jaxface import data
from jaxface.core.errors import ConfigError, DataError
from jaxface.data import Dataset, Stream, rendered
from jaxface.data.fingerprints import fingerprint
from jaxface.data.registry import parse_options
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.inputs import (
    RECIPE,
    TrainInputs,
    hold_out,
    recipe_at,
    select_units,
    task_of,
)
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.data_config import NONE, Pm2Data
from jaxface.frameworks.pm2.domains import (
    make_avatar_recipe,
    make_target_recipe,
    sample_faces,
    sample_pairs,
)
from jaxface.frameworks.pm2.networks import ENCODERS
from jaxface.frameworks.pm2.paired_data import with_pairs

_COLUMNS = ("image", "units", "units_known", "sex", "paired", "landmarks", "female", "male")
_VALIDATION, _TARGET = 1, 2  # streams of a seed, besides the source's


class DomainStream:
    """Batches of one size of several streams side by side: of `source`, `pairs` and `target`."""

    def __init__(self, streams: Mapping[str, Stream]) -> None:
        self.streams = dict(streams)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        """Return `image`, `units`, `units_known` and `sex` of the source, `female` and `male`, and `target`."""
        batches = {name: next(stream) for name, stream in self.streams.items()}
        batch = {name: column for name, column in batches["source"].items() if name in _COLUMNS}
        if "pairs" in batches:
            batch |= {name: batches["pairs"][name] for name in ("female", "male")}
        if "target" in batches:
            batch["target"] = batches["target"]["image"]
        return batch

    def get_state(self) -> dict[str, Any]:
        """Return the position of each stream."""
        return {name: stream.get_state() for name, stream in self.streams.items()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from positions that `get_state` returned."""
        for name, stream in self.streams.items():
            stream.set_state(state[name])


def open_domains(model: Pm2Config, settings: Pm2Data, train: TrainConfig, seed: int) -> TrainInputs:
    """Open the domains that the method needs, and hold out people of the source.

    Raises:
        ConfigError: a method without a domain that it needs, or no such recipe.
        DataError: a data set is missing, or lacks what is needed.
    """
    for name, needs in (("target", model.needs_target), ("pairs", model.needs_pairs)):
        if needs and getattr(settings, name).data == NONE:
            raise ConfigError(
                f"method {model.method!r} needs data.{name}, which is 'none'; name its folder or recipe"
            )
    size = ENCODERS[model.encoder].size
    target = _open_target(settings, size)
    from_recipe = settings.source.data == RECIPE
    open_source = _source_of_recipes if from_recipe else _source_of_files
    source, validation, streams = open_source(settings, model, target, train.batch, size, seed)
    if not model.needs_target or target is None:
        pass
    elif isinstance(target, Dataset):
        streams["target"] = data.batches(target, train.batch, seed, size=size, workers=settings.workers)
    else:
        sampler, stream_seed = sample_faces(settings.bias.matched), 3 * seed + _TARGET
        streams["target"] = rendered.rendered_stream(target, train.batch, stream_seed, sampler=sampler)
    notes = () if from_recipe else tuple(str(source.report).splitlines())
    name = source.name if target is None else f"{source.name} -> {target.name}"
    examples = 0 if from_recipe else len(source)
    task = task_of(source, size, "units")
    content = fingerprint(
        *(each.assets for each in streams.values() if isinstance(each, rendered.RenderedStream)),
        *(() if from_recipe else (source, validation)),
        target if isinstance(target, Dataset) else None,
    )
    return TrainInputs(DomainStream(streams), validation, task, name, examples, notes, content)


_Source = tuple[Dataset, Dataset | None, dict[str, Stream]]
"""The source, its validation set, and the streams of source and pairs."""


def _source_of_recipes(
    settings: Pm2Data, model: Pm2Config, target: Any, batch: int, size: int, seed: int
) -> _Source:
    source = _with_units(recipe_at(settings.source.root, size), settings.units)
    source = dataclasses.replace(source, landmarks=ENCODERS[model.encoder].loss is not None)
    source = _with_units(source, _common_units(source.units.numbers, target))
    assets, sampler = rendered.build_assets(source), sample_faces(settings.bias)
    streams: dict[str, Stream] = {"source": rendered.rendered_stream(assets, batch, 3 * seed, sampler=sampler)}
    if model.needs_pairs:
        avatars = make_avatar_recipe(recipe_at(settings.pairs.root, size), source)
        pair_sampler = sample_pairs(settings.bias, settings.avatars)
        streams["pairs"] = rendered.rendered_stream(avatars, batch, 3 * seed, sampler=pair_sampler)
    validation = None
    if settings.validation_images:
        people = source.people  # others: those whose numbers follow its own
        people = dataclasses.replace(people, first=people.first + people.identities)
        others = dataclasses.replace(assets, recipe=dataclasses.replace(source, people=people))
        stream_seed = 3 * seed + _VALIDATION
        validation = rendered.dataset(others, settings.validation_images, stream_seed, sampler=sampler)
    return validation or rendered.dataset(assets, 1, sampler=sampler), validation, streams


def _source_of_files(
    settings: Pm2Data, model: Pm2Config, target: Any, batch: int, size: int, seed: int
) -> _Source:
    source = settings.source
    dataset = data.open(source.data, source.root, **parse_options(source.options))
    if not dataset.units:
        raise DataError(f"{dataset.name} has no action units to learn")
    units = _common_units(settings.units or dataset.units, target)
    if model.needs_pairs:
        dataset = with_pairs(dataset, data.open(settings.pairs.data, settings.pairs.root), size)
    dataset = select_units(dataset, units)
    if settings.validation:
        others = data.open(source.data, source.root, **parse_options(settings.validation))
        validation: Dataset | None = select_units(others, units)
    else:
        dataset, validation = hold_out(dataset, settings.held_out, seed)
    stream = data.batches(dataset, batch, seed, size=size, workers=settings.workers)
    return dataset, validation, {"source": stream}


def _open_target(settings: Pm2Data, size: int) -> Dataset | rendered.RenderedDatasetConfig | None:
    target = settings.target
    if target.data == NONE:
        return None
    if target.data == RECIPE:
        recipe = recipe_at(target.root, size)
        if settings.source.data == RECIPE:
            recipe = make_target_recipe(recipe, recipe_at(settings.source.root, size))
        return _with_units(recipe, settings.units)
    return data.open(target.data, target.root, **parse_options(target.options))


def _common_units(units: tuple[int, ...], target: Any) -> tuple[int, ...]:
    """Return the action units that the target has, too, in this order; raise DataError for none."""
    if target is None:
        return units
    of_target = target.units.numbers if isinstance(target, rendered.RenderedDatasetConfig) else target.units
    common = tuple(unit for unit in units if unit in of_target)
    if not common:
        raise DataError(f"source and target have no action unit in common: {list(units)} and {list(of_target)}")
    return common


def _with_units(
    recipe: rendered.RenderedDatasetConfig, units: tuple[int, ...]
) -> rendered.RenderedDatasetConfig:
    if not units:
        return recipe
    return dataclasses.replace(recipe, units=dataclasses.replace(recipe.units, numbers=units))
