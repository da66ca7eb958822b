"""The source of a retargeting: images of a data set, or examples of a recipe, with their labels."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError, DataError
from jaxface.data import registry, rendered
from jaxface.data.dataset import Dataset
from jaxface.data.joining import align_units
from jaxface.data.readers.common import parse_number, read_table
from jaxface.data.rendered.example import sample_examples
from jaxface.data.rendered.streams import read_rendered_source, stream_key
from jaxface.data.retarget.config import RECIPE, RetargetConfig
from jaxface.data.retarget.pairs import Transfer, from_fit, from_labels, from_rendered
from jaxface.data.sources import ArraySource
from jaxface.face._landmarks import COUNT

_UNIT_COLUMNS = ("units", "units_known", "intensity")
_LANDMARK_COLUMNS = tuple(f"{axis}_{index}" for axis in "xy" for index in range(COUNT))
_CHUNK = 1024  # examples of a recipe whose labels are drawn at a time


class RetargetSource(NamedTuple):
    """The images that are retargeted.

    Attributes:
        dataset: these M images; their columns alone for a recipe.
        numbers: (M,) int32 their indices in the whole data set, ascending.
        subject: (M,) int32 index of each image's person in `people`.
        people: (S,) int32 `identity` of the chosen people in the data set, -1 without.
        stream: assets and stream's key of a source that jaxface rendered; None for others.
        landmarks: (M, 68, 2) in pixels, from the user's table; None without one.
    """

    dataset: Dataset
    numbers: np.ndarray
    subject: np.ndarray
    people: np.ndarray
    stream: tuple[rendered.SceneAssets, jax.Array] | None
    landmarks: np.ndarray | None = None


def open_source(config: RetargetConfig) -> RetargetSource:
    """Open the source of a config and choose its people and images.

    Raises:
        ConfigError: more people than the source has, or no number of images for a recipe.
        DataError: the data set is missing, or has nothing to take expressions from.
    """
    source = _from_recipe(config) if config.data == RECIPE else _from_dataset(config)
    if config.expression == "labels" and "units" not in source.dataset.columns:
        raise DataError(
            f"{source.dataset.name} has no action units to take expressions from; use expression = 'fit'"
            + (" or 'rendered'" if source.stream else "")
        )
    return source


def transfer_for(config: RetargetConfig, source: RetargetSource) -> tuple[Transfer, Any]:
    """Return the transfer of a config, and what it shares between batches."""
    if config.expression == "labels":
        return from_labels, None
    if config.expression == "rendered":
        return from_rendered, source.stream
    return from_fit(config.fit), None


def load_payload(
    config: RetargetConfig, source: RetargetSource, assets: rendered.SceneAssets, rows: np.ndarray
) -> Any:
    """Load what the transfer needs of one batch.

    Args:
        rows: (B,) indices in `source.dataset`.
    """
    dataset = source.dataset
    if config.expression == "labels":
        return {"target": target_intensities(dataset, assets.action_units, rows)}
    if config.expression == "rendered":
        return None
    if source.landmarks is not None:
        shapes = [dataset.source.read(int(row)).shape[:2] for row in rows]
        pairs = zip(source.landmarks[rows], shapes, strict=True)
        return {"landmarks": np.stack([crop_landmarks(landmarks, *shape) for landmarks, shape in pairs])}
    if "landmarks" in dataset.columns:
        return {"landmarks": np.asarray(dataset.columns["landmarks"][rows], np.float32)}
    images = dataset.rows(rows, assets.recipe.size)["image"]
    return {"image": np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images}


def target_intensities(dataset: Dataset, action_units: tuple[int, ...], rows: np.ndarray) -> np.ndarray:
    """Return (B, A) labelled intensities of the head's action units; 0 = absent, -1 = unknown."""
    columns = {name: each[rows] for name, each in dataset.columns.items() if name in _UNIT_COLUMNS}
    present = columns["units"] > 0.5
    level = columns.get("intensity", np.full(present.shape, -1.0, np.float32))
    target = np.where(present & columns.get("units_known", True), level, 0.0)
    return align_units(target.astype(np.float32), dataset.units, action_units)


def _from_dataset(config: RetargetConfig) -> RetargetSource:
    dataset = registry.open(config.data, config.root, **registry.parse_options(config.options))
    if not len(dataset):
        raise DataError(f"{dataset.name} has no images")
    stream = None
    if config.expression == "rendered":
        if config.data != "rendered":
            raise ConfigError(
                f"expression = 'rendered' needs data = 'rendered' or 'recipe', not {config.data!r}; use "
                "'labels' or 'fit'"
            )
        stream = read_rendered_source(config.root, dataset)
    # One generator for people and images, in this order: the choice of a seed depends on it.
    generator = np.random.default_rng(config.seed)
    identity = dataset.columns.get("identity")
    people, subject = _choose_people(config, dataset.name, identity, len(dataset), generator)
    numbers = _choose_images(config, np.flatnonzero(subject >= 0), generator)
    landmarks = None
    if config.landmark_table is not None:
        names = [dataset.source.name(int(number)) for number in numbers]
        landmarks = read_landmarks(config.landmark_table, names)
    return RetargetSource(
        dataset=dataset.take(numbers),
        numbers=numbers.astype(np.int32),
        subject=subject[numbers].astype(np.int32),
        people=people,
        stream=stream,
        landmarks=landmarks,
    )


def _choose_people(
    config: RetargetConfig, name: str, identity: np.ndarray | None, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Identities (S,) of the chosen people, and each image's index (count,) in them; -1 = none."""
    if identity is None:
        if not config.subjects:
            raise ConfigError(f"{name} has no identities; give by subjects how many pairs of avatars to make")
        people = np.full(config.subjects, -1, np.int32)
        return people, generator.integers(config.subjects, size=count)
    identities = np.unique(identity[identity >= 0])
    if config.subjects > len(identities):
        raise ConfigError(f"subjects = {config.subjects}, but {name} has {len(identities)} people")
    people = np.sort(generator.permutation(identities)[: config.subjects or len(identities)])
    index = np.searchsorted(people, identity).clip(0, len(people) - 1)
    return people.astype(np.int32), np.where(people[index] == identity, index, -1)


def _choose_images(
    config: RetargetConfig, candidates: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    if not config.images:
        return candidates
    if config.images > len(candidates):
        raise ConfigError(
            f"images = {config.images}, but the chosen people have {len(candidates)}; 0 takes all of them"
        )
    return np.sort(generator.permutation(candidates)[: config.images])


def _from_recipe(config: RetargetConfig) -> RetargetSource:
    if not config.images:
        raise ConfigError("images = 0: give the number of examples of the recipe")
    recipe = rendered.load_recipe(config.root if config.root.suffix else str(config.root))
    if config.subjects:
        people = dataclasses.replace(recipe.people, identities=config.subjects)
        recipe = dataclasses.replace(recipe, people=people)
    assets, key = rendered.build_assets(recipe), stream_key(recipe, config.seed)
    columns = _columns(assets, key, config.images)
    identities, subject = np.unique(columns["identity"], return_inverse=True)
    images = ArraySource(np.empty((config.images, 0, 0, 3), np.uint8))
    return RetargetSource(
        dataset=Dataset(recipe.name, images, columns, recipe.expressions.labels, recipe.units.numbers),
        numbers=np.arange(config.images, dtype=np.int32),
        subject=subject.astype(np.int32),
        people=identities.astype(np.int32),
        stream=(assets, key),
    )


def _columns(assets: rendered.SceneAssets, key: jax.Array, count: int) -> dict[str, np.ndarray]:
    """Columns of a stream's first examples, without rendering them."""
    sample, chunk = jax.jit(sample_examples), jnp.arange(_CHUNK)
    parts = [jax.device_get(sample(assets, key, first + chunk).columns) for first in range(0, count, _CHUNK)]
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


def read_landmarks(path: Path, names: Sequence[str]) -> np.ndarray:
    """Read the landmarks (M, 68, 2) in pixels of the images with these names, float32.

    Args:
        path: as `RetargetConfig.landmark_table`; DataError if it, a number or a row is missing.
    """
    landmarks = {}
    for number, row in read_table(path, ("path", *_LANDMARK_COLUMNS)):
        values = [parse_number(path, number, row[name]) for name in _LANDMARK_COLUMNS]
        landmarks[row["path"].strip()] = np.asarray(values, np.float32).reshape(2, COUNT).T
    missing = [name for name in names if name not in landmarks]
    if missing:
        raise DataError(f"{path} has no row for {len(missing)} of {len(names)} images, such as {missing[0]!r}")
    return np.stack([landmarks[name] for name in names])


def crop_landmarks(landmarks: np.ndarray, height: int, width: int) -> np.ndarray:
    """Convert landmarks (68, 2) from pixels to widths of the image's largest central square."""
    edge = min(height, width)
    return (landmarks - np.array([(width - edge) / 2, (height - edge) / 2], landmarks.dtype)) / edge
