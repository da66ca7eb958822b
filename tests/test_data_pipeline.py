"""Data sets in memory and their batches."""

import json

import numpy as np
import pytest

from jaxface.core.errors import ConfigError, DataError, LabelError, ShapeError
from jaxface.data import ArraySource, Dataset, batches

LABELS = ("anger", "neutral", "happiness")


def numbered(count: int = 10) -> Dataset:
    """Images whose every pixel is their number."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 4, 4, 3))
    columns = {"label": np.arange(count, dtype=np.int32) % 3, "identity": np.arange(count, dtype=np.int32) // 2}
    return Dataset("numbered", ArraySource(images), columns, LABELS)


def seen(batch: dict[str, np.ndarray]) -> list[int]:
    return batch["image"][:, 0, 0, 0].tolist()


def test_an_example_is_the_image_and_its_row() -> None:
    example = numbered()[-1]
    assert example["image"].shape == (4, 4, 3) and example["image"][0, 0, 0] == 9
    assert example["label"] == 0 and example["identity"] == 4
    with pytest.raises(IndexError, match="10 images"):
        numbered()[10]


def test_batches_are_full_and_every_epoch_has_its_own_order() -> None:
    stream = batches(numbered(), 4, seed=1)
    parts = [next(stream) for _ in range(5)]
    order = [number for batch in parts for number in seen(batch)]
    assert all(batch["image"].shape == (4, 4, 4, 3) for batch in parts)
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert order[:10] != order[10:]
    for batch in parts:
        np.testing.assert_array_equal(batch["label"], np.array(seen(batch)) % 3)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_goes_on_where_its_state_was_noted(workers: int) -> None:
    stream = batches(numbered(), 3, seed=2, workers=workers)
    for _ in range(4):
        next(stream)
    state = json.loads(json.dumps(stream.get_state()))
    expected = [seen(next(stream)) for _ in range(5)]
    again = batches(numbered(), 3, seed=2)
    again.set_state(state)
    assert [seen(next(again)) for _ in range(5)] == expected


def test_the_seed_alone_decides_the_order() -> None:
    first, same, other = (batches(numbered(), 10, seed=seed) for seed in (5, 5, 6))
    one = seen(next(first))
    assert one == seen(next(same))
    assert one != seen(next(other))


def test_evaluation_pads_the_last_batch_and_masks_it() -> None:
    parts = list(batches(numbered(), 4, shuffle=False, epochs=1, remainder="pad"))
    assert [seen(batch) for batch in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 9, 9]]
    assert [int(batch["mask"].sum()) for batch in parts] == [4, 4, 2]
    assert len(list(batches(numbered(), 4, shuffle=False, epochs=1))) == 2


def test_images_are_brought_to_one_size() -> None:
    batch = next(batches(numbered(), 4, shuffle=False, size=2))
    assert batch["image"].shape == (4, 2, 2, 3) and seen(batch) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch = 0"),
        ({"batch": 11, "epochs": 1}, "fewer than a batch"),
        ({"batch": 2, "workers": -1}, "workers"),
        ({"batch": 2, "remainder": "keep"}, "'drop' or 'pad'"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        batches(numbered(), **options)


def test_splits_keep_people_apart() -> None:
    first, second = numbered().split(0.6, seed=3, by="identity")
    assert len(first) == 6 and len(second) == 4
    assert not set(first.columns["identity"]) & set(second.columns["identity"])
    again, _ = numbered().split(0.6, seed=3, by="identity")
    np.testing.assert_array_equal(again.columns["identity"], first.columns["identity"])
    with pytest.raises(DataError, match="did you mean 'identity'"):
        numbered().split(0.5, by="identiy")


def test_relabelling_is_by_name_and_counts_what_it_leaves_out() -> None:
    subset = numbered().relabel(("happiness", "anger"))
    assert [LABELS[int(subset[i]["image"][0, 0, 0]) % 3] for i in range(len(subset))] == [
        subset.labels[label] for label in subset.columns["label"]
    ]
    assert subset.report.missing == 3 and "neutral" in str(subset.report)
    with pytest.raises(LabelError, match="no class 'fear'"):
        numbered().relabel(("fear",))


def test_columns_that_do_not_fit_are_refused() -> None:
    source = ArraySource(np.zeros((2, 4, 4, 3), np.uint8))
    with pytest.raises(ShapeError, match="3 rows for 2 images"):
        Dataset("bad", source, {"label": np.zeros(3, np.int32)}, LABELS)
    with pytest.raises(LabelError, match="but 3 classes"):
        Dataset("bad", source, {"label": np.array([0, 3], np.int32)}, LABELS)
    with pytest.raises(ShapeError, match="images, action units"):
        Dataset("bad", source, {"units": np.zeros((2, 3), np.float32)}, units=(1, 2))
