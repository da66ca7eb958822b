"""dSprites: the grid of factors, what is drawn of it, and the published file."""

from pathlib import Path

import numpy as np
import pytest

from jaxface import data
from jaxface.core.errors import DataError
from jaxface.data import dsprites

MIDDLE = {"label": 0, "scale": 5, "orientation": 0, "x": 16, "y": 16}


def drawn(size: int = 64, **steps: int | list[int]) -> np.ndarray:
    """Images of these steps of the factors, the others in the middle, in [0, 1]."""
    count = max(np.size(step) for step in steps.values()) if steps else 1
    all_steps = {name: np.broadcast_to(steps.get(name, step), count) for name, step in MIDDLE.items()}
    return dsprites.rasterize(all_steps, size, 4) / 255


def test_the_grid_is_the_public_one() -> None:
    total = 3 * 6 * 40 * 32 * 32
    assert total == 737_280
    last = dsprites.factors_of(np.array([0, 1, 32, 1024, total - 1]))
    assert [int(last[name][-1]) for name in dsprites.FACTORS] == [2, 5, 39, 31, 31]
    assert last["y"].tolist() == [0, 1, 0, 0, 31] and last["x"].tolist()[:3] == [0, 0, 1]
    assert last["orientation"][3] == 1


@pytest.mark.parametrize(("shape", "area"), [(0, 2.0), (1, np.pi / 2)])
def test_areas_follow_the_scale(shape: int, area: float) -> None:
    images = drawn(label=shape, scale=[0, 1, 2, 3, 4, 5], orientation=4)
    radius = dsprites.REACH * 64 * np.linspace(0.5, 1, 6)
    np.testing.assert_allclose(images.sum((1, 2)), area * radius**2, rtol=0.02)


def test_the_middle_moves_with_x_and_y() -> None:
    for axis, name in ((2, "x"), (1, "y")):
        images = drawn(label=1, **{name: [0, 10, 31]})
        along = images.sum(3 - axis)
        middle = (along * (np.arange(64) + 0.5)).sum(1) / along.sum(1)
        np.testing.assert_allclose(np.diff(middle), 64 * 0.48 * np.array([10, 21]) / 31, atol=0.1)


def test_orientation_turns_the_shape() -> None:
    flat, upright, again = drawn(label=1, orientation=[0, 10, 39])
    assert (flat.max(0) > 0.5).sum() > 1.8 * (flat.max(1) > 0.5).sum()
    assert (upright.max(1) > 0.5).sum() > 1.8 * (upright.max(0) > 0.5).sum()  # 10 of 39 steps: 92 degrees
    np.testing.assert_allclose(flat, again, atol=1e-12)  # 0 and 2 pi


@pytest.mark.parametrize("shape", [0, 1, 2])
def test_no_shape_leaves_the_image(shape: int) -> None:
    corners = drawn(label=shape, x=[0, 0, 31, 31], y=[0, 31, 0, 31], orientation=[5, 15, 25, 35])
    assert not corners[:, [0, -1]].any() and not corners[:, :, [0, -1]].any()
    np.testing.assert_allclose(corners.sum((1, 2)), drawn(label=shape, orientation=4).sum(), rtol=0.02)


def test_a_sample_has_no_image_twice_and_is_the_same_again() -> None:
    first, again = (data.open("dsprites-drawn", count=300, size=16, supersample=2, seed=4) for _ in range(2))
    steps = np.stack([first.column(name) for name in dsprites.FACTORS], 1)
    assert len(np.unique(steps, axis=0)) == 300
    assert first.labels == ("square", "ellipse", "heart") and first[0]["image"].shape == (16, 16, 1)
    np.testing.assert_array_equal(first.source.images, again.source.images)
    with pytest.raises(DataError, match="count = 0"):
        dsprites.make_dsprites(count=0)


def test_the_published_file(tmp_path: Path) -> None:
    indices = np.array([5, 700_000, 123_456])
    factors = dsprites.factors_of(indices)
    images = (dsprites.rasterize(factors, 64, 1) > 0).astype(np.uint8)
    classes = np.stack([np.zeros(3, np.int64), *factors.values()], 1)
    np.savez(tmp_path / "dsprites_ndarray_small.npz", imgs=images, latents_classes=classes)
    dataset = data.open("dsprites", tmp_path)
    np.testing.assert_array_equal(dataset.column("scale"), factors["scale"])
    np.testing.assert_array_equal(dataset.rows([0, 1, 2])["image"][..., 0], images * 255)
    assert len(data.open("dsprites", tmp_path, count=2)) == 2
    with pytest.raises(DataError, match="count = 9"):
        data.open("dsprites", tmp_path, count=9)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dsprites"):
        data.open("dsprites", tmp_path)
    np.savez(tmp_path / "dsprites.npz", imgs=np.zeros((2, 64, 64), np.uint8))
    with pytest.raises(DataError, match="no array 'latents_classes'"):
        data.open("dsprites", tmp_path)
    classes = np.full((2, 6), 50)
    np.savez(tmp_path / "dsprites.npz", imgs=np.zeros((2, 64, 64), np.uint8), latents_classes=classes)
    with pytest.raises(DataError, match="of \\(1, 3, 6, 40, 32, 32\\) steps"):
        data.open("dsprites", tmp_path)
