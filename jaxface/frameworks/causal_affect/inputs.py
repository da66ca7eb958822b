"""Batches mixed from several data sets, each of which has action units or expressions (Section 4.5)."""

import functools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from jaxface import data
from jaxface.core.config import from_dict
from jaxface.core.errors import ConfigError, suggestion
from jaxface.data import Dataset, Stream, joining, rendered
from jaxface.data.fingerprints import fingerprint
from jaxface.data.registry import parse_options
from jaxface.frameworks.causal_affect.data_config import MixedConfig
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.common.inputs import TrainInputs, hold_out, recipe_at

ALL = "all"
_STREAMS = 1000  # more than a mixture has, so that no two seeds share a stream


@dataclass(frozen=True)
class PublishedSet:
    """A data set of `sets.toml`."""

    folder: str
    reader: str
    learn: str
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    held_out: float = 0.0


class Part(NamedTuple):
    """One data set of a mixture."""

    sample: Dataset  # with its classes, units and columns; of a recipe, of one image
    stream: Callable[[int], Stream]  # examples a batch -> the batches, from their beginning
    validation: Dataset | None  # None where nothing is held out
    examples: int  # to train on; 0 = endless
    content: str  # a sum that changes with it


@functools.cache
def published() -> dict[str, PublishedSet]:
    """Return the data sets of the paper's Table 1, by name."""
    text = files("jaxface.frameworks.causal_affect").joinpath("sets.toml").read_text("utf-8")
    return {name: from_dict(PublishedSet, table) for name, table in tomllib.loads(text).items()}


def setting(name: str) -> tuple[str, ...]:
    """Return the names of the data sets of a setting of Table 1: `bp4d` alone, `bp4d+rafdb`, or `all`.

    Raises:
        ConfigError: a data set that is not among them, or one twice.
    """
    registry = published()
    names = tuple(registry) if name == ALL else tuple(name.split("+"))
    for dataset in names:
        if dataset not in registry:
            raise ConfigError(f"setting {name!r} has no data set {dataset!r}{suggestion(dataset, registry)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"setting {name!r} names a data set twice")
    return names


def open_mixture(config: MixedConfig, batch: int, size: int, seed: int) -> TrainInputs:
    """Open batches, validation set and task of several data sets, of images of `size` pixels.

    Raises:
        ConfigError: no such recipe, setting or share.
        DataError: a data set that is missing or lacks what is to be learnt from it.
    """
    if config.setting:
        parts = [open_published(published()[name], config, size, seed) for name in setting(config.setting)]
    else:
        parts = [open_part(text, config, size, seed, index) for index, text in enumerate(config.sets)]
    if not parts:
        raise ConfigError("data.sets is empty; name a recipe or a data set, such as causes=units")
    samples = [part.sample for part in parts]
    labels, units = joining.joint_labels(samples), joining.joint_units(samples)
    weights = config.weights or (1.0,) * len(parts)
    if len(weights) != len(parts):
        raise ConfigError(f"data.weights has {len(weights)} numbers for {len(parts)} data sets")
    counts = joining.split_batch(batch, weights)
    streams = [part.stream(count) for part, count in zip(parts, counts, strict=True)]
    sources = [(sample.labels, sample.units) for sample in samples]
    stream = joining.MixtureStream(streams, sources, (labels, units))
    validations = [part.validation for part in parts if part.validation is not None]
    validation = joining.concat(validations, labels, units) if validations else None
    mixture = joining.concat(samples, labels, units)
    examples = sum(part.examples for part in parts) if all(part.examples for part in parts) else 0
    notes = tuple(str(mixture.report).splitlines()[1:])
    content = " ".join(part.content for part in parts)
    return TrainInputs(stream, validation, Task(labels, units, size), mixture.name, examples, notes, content)


def open_published(entry: PublishedSet, config: MixedConfig, size: int, seed: int) -> Part:
    """Open a data set of Table 1."""
    path = config.root / entry.folder

    def read(options: tuple[str, ...]) -> Dataset:
        return joining.restrict_labels(data.open(entry.reader, path, **parse_options(options)), entry.learn)

    train = read(entry.train)
    pair = (train, read(entry.validation)) if entry.validation else hold_out(train, entry.held_out, seed)
    return _part(*pair, config, size, seed)


def open_part(text: str, config: MixedConfig, size: int, seed: int, index: int) -> Part:
    """Open a data set of `MixedConfig.sets`, at `index` there."""
    name, _, learn = text.partition("=")
    reader, colon, path = name.partition(":")

    def restrict(dataset: Dataset) -> Dataset:
        return joining.restrict_labels(dataset, learn or "both")

    if colon:
        return _part(*hold_out(restrict(data.open(reader, path)), config.held_out, seed), config, size, seed)
    assets = rendered.build_assets(recipe_at(Path(name), size))
    first = _STREAMS * seed + 2 * index  # of the stream; the next is of its validation set
    sample = restrict(rendered.dataset(assets, 1, first, batch=1))
    validation = None
    if config.validation_images:
        validation = restrict(rendered.dataset(assets, config.validation_images, first + 1))
    stream = functools.partial(rendered.rendered_stream, assets, seed=first)
    return Part(sample, stream, validation, 0, fingerprint(assets))


def _part(train: Dataset, validation: Dataset | None, config: MixedConfig, size: int, seed: int) -> Part:
    def stream(batch: int) -> Stream:
        return data.batches(train, batch, seed, size=size, workers=config.workers)

    return Part(train, stream, validation, len(train), fingerprint(train, validation))
