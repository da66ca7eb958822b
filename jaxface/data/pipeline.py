"""Batches of a data set, by grain: shuffled from a seed, resumable, all of one shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import grain
import numpy as np

from jaxface.core.errors import ConfigError
from jaxface.data.dataset import Dataset, Example

Remainder = Literal["drop", "pad"]


class Stream(Protocol):
    """An iterator over batches whose place can be noted and found again."""

    def __iter__(self) -> Iterator[dict[str, Any]]: ...

    def __next__(self) -> dict[str, Any]: ...

    def get_state(self) -> dict[str, Any]:
        """The place, as a dictionary that JSON can hold."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a place that `get_state` told; the next batch is the one that came next then."""


def batches(
    dataset: Dataset,
    batch: int,
    seed: int = 0,
    *,
    shuffle: bool = True,
    size: int | None = None,
    workers: int = 0,
    epochs: int | None = None,
    remainder: Remainder = "drop",
) -> Stream:
    """Dictionaries of stacked arrays: `image` (B, H, W, C) uint8 and every column, (B, ...).

    Which examples are in which batch depends on the data set's length, `batch`, `seed`, `shuffle` and `epochs`
    alone. Every epoch has its own order, and a batch may reach into the next epoch, so none is short.

    Args:
        batch: B, examples a batch.
        seed: of the order.
        size: pixels along an edge; images of other sizes are resampled. None = as they are.
        workers: threads that read ahead, two batches each; 0 = read when asked.
        epochs: passes over the data; None = for ever.
        remainder: what the examples that do not fill the last batch become: "drop" leaves them out, "pad" fills
            up with the last one. With "pad" every batch has a `mask` (B,) bool, False on what was filled up.

    Raises:
        ConfigError: a number out of range, a data set smaller than a batch that would be dropped whole.
        DataError, ShapeError: while iterating, as `Dataset.rows`.
    """
    _check(dataset, batch, workers, epochs, remainder)
    order = grain.MapDataset.range(len(dataset)).seed(seed)
    if shuffle:
        order = order.shuffle()
    order = order.repeat(epochs).batch(batch, drop_remainder=remainder == "drop")

    def read(indices: np.ndarray) -> Example:
        if remainder == "drop":
            return dataset.rows(indices, size)
        missing = batch - len(indices)
        padded = np.concatenate([indices, np.repeat(indices[-1:], missing)])
        mask = np.arange(batch) < len(indices)
        return {**dataset.rows(padded, size), "mask": mask}

    options = grain.ReadOptions(num_threads=workers, prefetch_buffer_size=2 * workers)
    return iter(order.map(read).to_iter_dataset(options))


def _check(dataset: Dataset, batch: int, workers: int, epochs: int | None, remainder: Remainder) -> None:
    for name, value, least in (("batch", batch, 1), ("workers", workers, 0), ("epochs", epochs, 1)):
        if value is not None and value < least:
            raise ConfigError(f"{name} = {value} wants at least {least}")
    if remainder not in ("drop", "pad"):
        raise ConfigError(f"remainder = {remainder!r} wants 'drop' or 'pad'")
    if not len(dataset):
        raise ConfigError(f"{dataset.name} has no images")
    if epochs is not None and remainder == "drop" and len(dataset) * epochs < batch:
        raise ConfigError(
            f"{dataset.name} has {len(dataset)} images, fewer than a batch of {batch}; "
            "remainder='pad' keeps them"
        )
