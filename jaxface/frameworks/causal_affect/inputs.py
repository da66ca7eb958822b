"""Batches mixed from several data sets, each of which knows action units or expressions (Section 4.5)."""

from __future__ import annotations

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
from jaxface.frameworks.causal_affect.config import CausalAffectConfig
from jaxface.frameworks.causal_affect.encoder import CONVNEXT
from jaxface.frameworks.common.config import TrainConfig
from jaxface.frameworks.common.framework import Task
from jaxface.frameworks.common.inputs import TrainInputs, parse_options, recipe_at

ALL = "all"
_STREAMS = 1000  # more than a mixture has: seeds of its streams do not meet those of another seed


@dataclass(frozen=True)
class MixedConfig:
    """Which data sets are learnt from at once."""

    sets: tuple[str, ...] = ("causes=units", "causes=label")
    """Each a recipe of rendered faces (its name or its TOML file) or READER:PATH, and after an equals sign what
    is learnt of it: units, label or both (the default). Seeds keep two streams of one recipe apart."""

    setting: str = ""
    """A setting of the paper's Table 1 instead: data sets of bp4d, disfa, gft, emotionet, rafdb and affectnet
    with + between them, or all."""

    root: Path = Path("sets")
    """Folder of the setting's data sets: BP4D, DISFA, GFT, EmotioNet, RAF-DB and AffectNet."""

    weights: tuple[float, ...] = ()
    """Shares of a batch, a number for each data set; none = all alike."""

    held_out: float = 0.1
    """Share of each data set that is held out for validation where it has no part of its own for that, of
    people where it knows them."""

    validation_images: int = 512
    """Images of each recipe that are drawn for validation; 0 = none."""

    workers: int = 2
    """Threads that read images ahead, for each data set."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.held_out < 1.0:
            raise ConfigError(f"held_out = {self.held_out}; wanted 0 <= held_out < 1")
        if self.validation_images < 0 or self.workers < 0:
            raise ConfigError("validation_images and workers want to be 0 or more")


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
    """One data set of a mixture.

    Attributes:
        sample: a data set with its classes, units and columns; of a recipe, of one image.
        stream: share -> batches of so many examples, from their beginning.
        validation: None where nothing is held out.
        examples: to train on; 0 = without end.
    """

    sample: Dataset
    stream: Callable[[int], Stream]
    validation: Dataset | None
    examples: int


@functools.cache
def published() -> dict[str, PublishedSet]:
    """The data sets of the paper's Table 1, by name."""
    text = files("jaxface.frameworks.causal_affect").joinpath("sets.toml").read_text("utf-8")
    return {name: from_dict(PublishedSet, table) for name, table in tomllib.loads(text).items()}


def setting(name: str) -> tuple[str, ...]:
    """The data sets of a setting of Table 1: `bp4d` alone, `bp4d+rafdb`, or `all`.

    Raises:
        ConfigError: a data set that is not among them, or one twice.
    """
    known = published()
    names = tuple(known) if name == ALL else tuple(name.split("+"))
    for each in names:
        if each not in known:
            raise ConfigError(f"setting {name!r} has no data set {each!r}{suggestion(each, known)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"setting {name!r} names a data set twice")
    return names


def open_mixture(model: CausalAffectConfig, config: MixedConfig, train: TrainConfig, seed: int) -> TrainInputs:
    """The batches, the validation set and the task of several data sets.

    Raises:
        ConfigError: no such recipe, setting or share.
        DataError: a data set that is missing or has not what is to be learnt of it.
    """
    size = 224 if model.encoder == CONVNEXT else 64
    if config.setting:
        parts = [of_published(published()[name], config, size, seed) for name in setting(config.setting)]
    else:
        parts = [named(text, config, size, seed, place) for place, text in enumerate(config.sets)]
    if not parts:
        raise ConfigError("data.sets is empty; name a recipe or a data set, such as causes=units")
    samples = [part.sample for part in parts]
    labels, units = joining.joint_labels(samples), joining.joint_units(samples)
    weights = config.weights or (1.0,) * len(parts)
    if len(weights) != len(parts):
        raise ConfigError(f"data.weights has {len(weights)} numbers for {len(parts)} data sets")
    counts = joining.split_batch(train.batch, weights)
    streams = [part.stream(count) for part, count in zip(parts, counts, strict=True)]
    stream = joining.MixtureStream(streams, [(each.labels, each.units) for each in samples], (labels, units))
    held = [part.validation for part in parts if part.validation is not None]
    validation = joining.concat(held, labels, units) if held else None
    whole = joining.concat(samples, labels, units)
    examples = 0 if any(not part.examples for part in parts) else sum(part.examples for part in parts)
    notes = tuple(str(whole.report).splitlines()[1:])
    return TrainInputs(stream, validation, Task(labels, units, size), whole.name, examples, notes)


def of_published(entry: PublishedSet, config: MixedConfig, size: int, seed: int) -> Part:
    """A data set of Table 1."""
    place = config.root / entry.folder
    whole = joining.restrict_labels(data.open(entry.reader, place, **parse_options(entry.train)), entry.learn)
    if entry.validation:
        options = parse_options(entry.validation)
        held = joining.restrict_labels(data.open(entry.reader, place, **options), entry.learn)
        return _read(whole, held, config, size, seed)
    return _split(whole, entry.held_out, config, size, seed)


def named(text: str, config: MixedConfig, size: int, seed: int, place: int) -> Part:
    """A data set of `MixedConfig.sets`: number `place` of them.

    Raises:
        ConfigError, DataError: there is none, or it has not what is to be learnt.
    """
    name, _, learn = text.partition("=")
    reader, colon, path = name.partition(":")
    if colon:
        whole = joining.restrict_labels(data.open(reader, path), learn or "both")
        return _split(whole, config.held_out, config, size, seed)
    studio = rendered.build_assets(recipe_at(Path(name), size))
    first = _STREAMS * seed + 2 * place  # of the stream; the next is of its validation set
    sample = joining.restrict_labels(rendered.dataset(studio, 1, first, batch=1), learn or "both")
    held = None
    if config.validation_images:
        held = joining.restrict_labels(
            rendered.dataset(studio, config.validation_images, first + 1), learn or "both"
        )
    return Part(sample, functools.partial(rendered.rendered_stream, studio, seed=first), held, 0)


def _split(whole: Dataset, share: float, config: MixedConfig, size: int, seed: int) -> Part:
    if not share:
        return _read(whole, None, config, size, seed)
    held, train = whole.split(share, seed, by="identity" if "identity" in whole.columns else None)
    return _read(train, held, config, size, seed)


def _read(train: Dataset, held: Dataset | None, config: MixedConfig, size: int, seed: int) -> Part:
    def stream(share: int) -> Stream:
        return data.batches(train, share, seed, size=size, workers=config.workers)

    return Part(train, stream, held, len(train))
