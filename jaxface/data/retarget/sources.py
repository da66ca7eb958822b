"""What is retargeted: images of a data set, or examples of a recipe, and what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError, DataError
from jaxface.data import registry, rendered
from jaxface.data.dataset import Dataset
from jaxface.data.rendered.streams import read_rendered_source, stream_key
from jaxface.data.retarget.config import RECIPE, RetargetConfig
from jaxface.data.retarget.expression import Transfer, from_fit, from_labels, from_rendered
from jaxface.data.retarget.landmark_table import in_widths, read_marks

_OF_UNITS = ("units", "units_known", "intensity")
_CHUNK = 1024  # examples of a recipe whose labels are drawn at a time


class Source(NamedTuple):
    """The images that are retargeted.

    Attributes:
        name: of the data set.
        numbers: (M,) int32, which of its images, ascending.
        subject: (M,) int32, which of the chosen people shows each, from 0 on.
        people: (S,) int32, those people's `identity` in the source, -1 = the source does not know its people.
        columns: of these images, (M, ...), as in `Dataset.columns`.
        labels, units: as in `Dataset`.
        dataset: None for a recipe.
        drawn: the studio and the stream's key of a source that jaxface rendered.
        marks: (M, 68, 2) landmarks in pixels, of a table of the user's.
    """

    name: str
    numbers: np.ndarray
    subject: np.ndarray
    people: np.ndarray
    columns: Mapping[str, np.ndarray]
    labels: tuple[str, ...]
    units: tuple[int, ...]
    dataset: Dataset | None
    drawn: tuple[rendered.SceneAssets, jax.Array] | None
    marks: np.ndarray | None = None


def source(config: RetargetConfig) -> Source:
    """The source that a config names.

    Raises:
        ConfigError: more people than the source has, or no number of images for a recipe.
        DataError: the data set is missing, or has not what expressions are to come from.
    """
    found = _of_recipe(config) if config.data == RECIPE else _of_dataset(config)
    if config.expression == "labels" and "units" not in found.columns:
        raise DataError(
            f"{found.name} has no action units to take expressions from; take expression = 'fit'"
            + (" or 'rendered'" if found.drawn else "")
        )
    return found


def transfer_of(config: RetargetConfig, found: Source) -> tuple[Transfer, Any]:
    """How the source's expressions are found, and what that shares."""
    if config.expression == "labels":
        return from_labels, None
    if config.expression == "rendered":
        return from_rendered, found.drawn
    return from_fit(config.fit), None


def payload_of(config: RetargetConfig, found: Source, studio: rendered.SceneAssets, places: np.ndarray) -> Any:
    """What the transfer wants of the images at these places in `found.numbers`."""
    if config.expression == "labels":
        return {"wanted": wanted(found, studio.action_units, places)}
    if config.expression == "rendered":
        return None
    if found.dataset is None:
        raise ConfigError("a recipe has no images to fit")
    if found.marks is not None:
        shapes = [found.dataset.source.read(int(number)).shape[:2] for number in found.numbers[places]]
        pairs = zip(found.marks[places], shapes, strict=True)
        return {"landmarks": np.stack([in_widths(marks, *shape) for marks, shape in pairs])}
    if "landmarks" in found.columns:
        return {"landmarks": np.asarray(found.columns["landmarks"][places], np.float32)}
    images = found.dataset.rows(found.numbers[places], studio.recipe.size)["image"]
    return {"image": np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images}


def wanted(found: Source, action_units: tuple[int, ...], places: np.ndarray) -> np.ndarray:
    """(B, A) intensities of the head's action units that labels ask for; -1 = present, nobody knows how
    much."""
    columns = {name: found.columns[name][places] for name in found.columns if name in _OF_UNITS}
    present = columns["units"] > 0.5
    known = columns.get("units_known", np.ones_like(present))
    level = columns.get("intensity", np.full(present.shape, -1.0, np.float32))
    out = np.zeros((len(places), len(action_units)), np.float32)
    for column, unit in enumerate(found.units):
        if unit in action_units:
            shown = present[:, column] & known[:, column]
            out[:, action_units.index(unit)] = np.where(shown, level[:, column], 0.0)
    return out


def _of_dataset(config: RetargetConfig) -> Source:
    whole = registry.open(config.data, config.root, **registry.parsed(config.options))
    if not len(whole):
        raise DataError(f"{whole.name} has no images")
    drawn = None
    if config.expression == "rendered":
        if config.data != "rendered":
            raise ConfigError(
                f"expression = 'rendered' wants data = 'rendered' or 'recipe', got {config.data!r}; take "
                "'labels' or 'fit'"
            )
        drawn = read_rendered_source(config.root, whole)
    generator = np.random.default_rng(config.seed)
    people, subject = _people(config, whole.name, whole.columns.get("identity"), len(whole), generator)
    numbers = _images(config, np.flatnonzero(subject >= 0), generator)
    columns = {name: each[numbers] for name, each in whole.columns.items()}
    marks = None
    if config.marks is not None:
        marks = read_marks(config.marks, [whole.source.name(int(number)) for number in numbers])
    return Source(
        whole.name,
        numbers.astype(np.int32),
        subject[numbers].astype(np.int32),
        people,
        columns,
        whole.labels,
        whole.units,
        whole,
        drawn,
        marks,
    )


def _people(
    config: RetargetConfig, name: str, identity: np.ndarray | None, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The chosen people's identities (S,), and of every image which of them shows it, -1 = none."""
    if identity is None:
        if not config.subjects:
            raise ConfigError(f"{name} does not know its people; say by subjects how many pairs of avatars")
        people = np.full(config.subjects, -1, np.int32)
        return people, generator.integers(config.subjects, size=count)
    there = np.unique(identity[identity >= 0])
    if config.subjects > len(there):
        raise ConfigError(f"subjects = {config.subjects}, {name} has {len(there)} people")
    people = np.sort(generator.permutation(there)[: config.subjects or len(there)])
    place = np.searchsorted(people, identity).clip(0, len(people) - 1)
    return people.astype(np.int32), np.where(people[place] == identity, place, -1)


def _images(config: RetargetConfig, candidates: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    if not config.images:
        return candidates
    if config.images > len(candidates):
        raise ConfigError(
            f"images = {config.images}, but the chosen people have {len(candidates)}; 0 takes all of them"
        )
    return np.sort(generator.permutation(candidates)[: config.images])


def _of_recipe(config: RetargetConfig) -> Source:
    if not config.images:
        raise ConfigError("images = 0: say how many examples of the recipe there are to be")
    recipe = rendered.load_recipe(config.root if config.root.suffix else str(config.root))
    if config.subjects:
        known = dataclasses.replace(recipe.people, identities=config.subjects)
        recipe = dataclasses.replace(recipe, people=known)
    studio = rendered.build_assets(recipe)
    key = stream_key(recipe, config.seed)
    columns = _columns(studio, key, config.images)
    people, subject = np.unique(columns["identity"], return_inverse=True)
    numbers = np.arange(config.images, dtype=np.int32)
    labels, units = recipe.expressions.labels, recipe.units.numbers
    return Source(
        recipe.name,
        numbers,
        subject.astype(np.int32),
        people.astype(np.int32),
        columns,
        labels,
        units,
        None,
        (studio, key),
    )


def _columns(studio: rendered.SceneAssets, key: jax.Array, count: int) -> dict[str, np.ndarray]:
    """What a stream's first examples say of themselves, without drawing them."""

    firsts = [jnp.int32(first) for first in range(0, count, _CHUNK)]
    parts = [jax.device_get(undrawn(studio, key, first).columns) for first in firsts]
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


@jax.jit
def undrawn(studio: rendered.SceneAssets, key: jax.Array, first: jax.Array) -> rendered.Example:
    """A thousand examples of a stream from `first` on, without their pictures."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, first + jnp.arange(_CHUNK))
    return jax.vmap(rendered.sample_example, (0, None))(keys, studio)
