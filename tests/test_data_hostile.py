"""Rendered sets, recipes and archives that are damaged or meant to do harm: one line, in time and memory."""

import dataclasses
import gzip
import io
import json
import os
import typing
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from jaxface import data
from jaxface.core import npy_files
from jaxface.core.errors import ConfigError, DataError
from jaxface.data.rendered.causal_world import CausalWorld
from jaxface.data.rendered.config import RenderedDatasetConfig
from jaxface.data.rendered.streams import ABOUT, COLUMNS, IMAGES
from tests.data_trees import picture, text


def npy_bytes(shape: tuple[int, ...], kind: str = "|u1", content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


def archive_bytes(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def columns(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(array) for name, array in arrays.items()})
    return buffer.getvalue()


def rendered_set(root: Path) -> None:
    root.mkdir(exist_ok=True)
    np.save(root / IMAGES, np.zeros((3, 8, 8, 3), np.uint8))
    (root / COLUMNS).write_bytes(columns(label=np.zeros(3, np.int32), units=np.ones((3, 1), np.float32)))
    (root / ABOUT).write_text(json.dumps({"name": "x", "seed": 0, "labels": ["neutral"], "units": [12]}))


GOOD = columns(label=np.zeros(3, np.int32), units=np.ones((3, 1), np.float32))
LZMA = bytearray(archive_bytes(zipfile.ZIP_LZMA, label=bytes(range(256)) * 20))
LZMA[60:70] = b"\xff" * 10
BOMB = archive_bytes(label=npy_bytes((200_000_000,), "<i4", bytes(50_000_000)))

DAMAGE: dict[str, tuple[str, bytes]] = {
    "images of floats": (IMAGES, npy_bytes((3, 8, 8, 3), "<f8", bytes(4608))),
    "images in two dimensions": (IMAGES, npy_bytes((3, 8), "|u1", bytes(24))),
    "images of four channels": (IMAGES, npy_bytes((3, 8, 8, 4), "|u1", bytes(768))),
    "images of objects": (IMAGES, npy_bytes((3,), "|O", b"cos\nsystem\n(S'touch x'\ntR.")),
    "no images": (IMAGES, npy_bytes((0, 8, 8, 3))),
    "images cut off": (IMAGES, npy_bytes((3, 8, 8, 3), "|u1", bytes(100))),
    "a giant claim": (IMAGES, npy_bytes((10**11, 8, 8, 3))),
    "a length beyond all numbers": (IMAGES, npy_bytes((0, 10**30))),
    "a negative length": (IMAGES, npy_bytes((-1, 8, 8, 3), "|u1", bytes(576))),
    "a header of brackets": (IMAGES, b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 15 + b"\n"),
    "no array": (IMAGES, b"junk"),
    "columns of text": (COLUMNS, b"PK\x03\x04junk"),
    "columns cut off": (COLUMNS, GOOD[: len(GOOD) // 2]),
    "columns with a flipped bit": (COLUMNS, bytes([*GOOD[:180], GOOD[180] ^ 4, *GOOD[181:]])),
    "columns of damaged LZMA": (COLUMNS, bytes(LZMA)),
    "columns in one array": (COLUMNS, npy_bytes((3,), "<i4", bytes(12))),
    "columns larger than any": (COLUMNS, BOMB),
    "columns by thousands": (COLUMNS, archive_bytes(**{f"c{i}": b"" for i in range(1500)})),
    "columns of objects": (
        COLUMNS,
        archive_bytes(label=npy_bytes((3,), "|O", b"cos\nsystem\n(S'touch x'\ntR.")),
    ),
    "labels of floats": (COLUMNS, columns(label=[0.0, np.nan, 9.0])),
    "labels in two dimensions": (COLUMNS, columns(label=np.zeros((3, 2), np.int32))),
    "labels of text": (COLUMNS, columns(label=["a", "b", "c"])),
    "one label": (COLUMNS, columns(label=np.int32(0))),
    "fewer labels": (COLUMNS, columns(label=np.zeros(2, np.int32))),
    "units that are not finite": (COLUMNS, columns(units=np.full((3, 1), np.nan, np.float32))),
    "a description in a list": (ABOUT, b"[]"),
    "a description of other types": (ABOUT, b'{"name": 5, "labels": [1], "units": ["x"], "seed": "q"}'),
    "a description of nothing": (ABOUT, b'{"name": "x", "labels": null, "units": null, "seed": 0}'),
    "a description too deep": (ABOUT, b"[" * 100_000),
    "a description in Latin": (ABOUT, b'{"name": "\xff"}'),
}


def refused(root: Path, name: str = "rendered") -> str:
    with pytest.raises(DataError) as error:
        data.open(name, root)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("case", sorted(DAMAGE))
def test_damaged_rendered_sets_are_one_line(case: str, tmp_path: Path) -> None:
    rendered_set(tmp_path)
    assert len(data.open("rendered", tmp_path)) == 3
    name, content = DAMAGE[case]
    (tmp_path / name).write_bytes(content)
    assert str(tmp_path / name) in refused(tmp_path)


@pytest.mark.parametrize("name", [IMAGES, COLUMNS, ABOUT])
def test_pipes_devices_and_folders_are_no_parts_of_a_rendered_set(name: str, tmp_path: Path) -> None:
    changes: tuple[tuple[Callable[[Path], object], str], ...] = (
        (os.mkfifo, "is a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device"),
        (Path.mkdir, "is a folder"),
    )
    for number, (change, message) in enumerate(changes):
        rendered_set(root := tmp_path / str(number))
        (root / name).unlink()
        change(root / name)
        assert message in refused(root)


@pytest.mark.parametrize("name", ["rafdb", "bp4d", "folder", "rendered", "mnist", "dsprites"])
@pytest.mark.parametrize("root", ["a\0b", "x" * 300, "/dev/null", "absent"])
def test_impossible_folders_are_one_line(name: str, root: str, tmp_path: Path) -> None:
    refused(tmp_path / root, name)


def test_pipes_as_tables_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "EmoLabel").mkdir()
    (tmp_path / "Image" / "aligned").mkdir(parents=True)
    os.mkfifo(tmp_path / "EmoLabel" / "list_patition_label.txt")
    assert "is a pipe" in refused(tmp_path, "rafdb")
    os.mkfifo(tmp_path / "train-images-idx3-ubyte")
    assert "is a pipe" in refused(tmp_path, "mnist")
    os.mkfifo(tmp_path / "dsprites.npz")
    assert "is a pipe" in refused(tmp_path, "dsprites")


def test_a_gzip_bomb_is_no_mnist(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb", 1) as file:
        for _ in range(300):
            file.write(bytes(2**20))
    assert "holds more than 268,435,456 bytes" in refused(tmp_path, "mnist")


def test_names_in_lists_that_cannot_be_files_are_missing_ones(tmp_path: Path) -> None:
    lines = ["train_00001.jpg 4", f"train_{'x' * 400}.jpg 4", "train_../../../../etc/passwd 4"]
    text(tmp_path / "EmoLabel" / "list_patition_label.txt", *lines)
    picture(tmp_path / "Image" / "aligned" / "train_00001_aligned.jpg")
    dataset = data.open("rafdb", tmp_path)
    assert len(dataset) == 1


def test_boxes_that_no_image_holds_are_left_out(tmp_path: Path) -> None:
    boxes = ["0 0 5 5", "0 0 1e9 1e9", "5 5 5 5", "-1e30 0 1e30 5"]
    text(tmp_path / "label.lst", *(f"a.jpg {face} {box} 50 4" for face, box in enumerate(boxes)))
    picture(tmp_path / "origin" / "a.jpg")
    dataset = data.open("expw", tmp_path)
    assert len(dataset) == 1 and "3 left out, no box of a face" in str(dataset.report)


def _floats(config: object, path: str = "") -> list[tuple[object, str, object]]:
    """Every setting of a config that is a float or a range of them: its table, name and value."""
    settings = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            settings += _floats(value)
        elif isinstance(value, float) or (isinstance(value, tuple) and value and isinstance(value[0], float)):
            settings.append((config, field.name, value))
    return settings


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_no_setting_of_a_recipe_may_be_infinite(number: float) -> None:
    settings = _floats(RenderedDatasetConfig())
    assert len(settings) > 30
    for config, name, value in settings:
        choices = [number] if isinstance(value, float) else [(number, 1.0), (0.0, number), (number, number)]
        for choice in choices:
            with pytest.raises(ConfigError, match=name):
                dataclasses.replace(typing.cast(typing.Any, config), **{name: choice})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_strength_of_a_causal_world_may_be_infinite(number: float) -> None:
    def world(edge: float = 1.0, weight: float = 1.0, threshold: float = 0.5) -> CausalWorld:
        return CausalWorld((1, 2), (0.5, 0.5), ((1, 2, edge),), ("fear",), (("fear", 1, weight),), threshold)

    world()
    for changes in ({"edge": number}, {"weight": number}, {"threshold": number}):
        with pytest.raises(ConfigError, match="finite"):
            world(**changes)


@pytest.mark.parametrize("order", "<>")
def test_an_impossible_letter_in_an_array_of_text_is_told(tmp_path: Path, order: str) -> None:
    letters = np.array(["ab", "c"], f"{order}U2")
    path, whole = tmp_path / "text.npy", npy_bytes((2,), f"{order}U2", letters.tobytes())
    assert npy_files.read_array(whole, path, DataError, what="text").tolist() == ["ab", "c"]
    with pytest.raises(DataError, match=r"damaged text: it has a letter of the number 4,294,967,295"):
        npy_files.read_array(whole[:-4] + b"\xff" * 4, path, DataError, what="text")
