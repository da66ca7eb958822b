"""Face files that are pipes, lie about their numbers, or hold textures that cannot be shown: one clear line."""

import os
import pickle
import re
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from scipy import sparse

from jaxface.core.errors import ModelFileError
from jaxface.face import load
from jaxface.face.loaders import archive, describe, obj
from jaxface.face.loaders.flame_appearance import read_masks
from tests import flame_files as files
from tests.flame_files import flame_arrays, write_flame_npz


@pytest.fixture
def flame(tmp_path: Path) -> Path:
    return write_flame_npz(tmp_path / "flame.npz", flame_arrays())


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(ModelFileError) as caught:
        load(path, **options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    return str(caught.value)


@pytest.mark.parametrize("option", ["source", "texture", "masks"])
def test_what_is_no_regular_file(option: str, tmp_path: Path, flame: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    cases = {
        tmp_path / "pipe": "is a pipe",
        Path("/dev/zero"): "is a device",
        tmp_path / ("a" * 300): "File name too long|no face model at",
        tmp_path / "a\0b": "cannot be the name",
        tmp_path / "missing.npz": "at .*missing",
    }
    for path, message in cases.items():
        options = {} if option == "source" else {option: path}
        with pytest.raises(ModelFileError, match=message):
            load(path if option == "source" else flame, **options)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("v_template", 1e300, "beyond"),
        ("shapedirs", 1e305, "beyond"),
        ("posedirs", np.inf, "not finite"),
        ("f", 0.5, "fractions"),
    ],
)
def test_numbers_that_float32_cannot_hold(name: str, value: float, message: str, tmp_path: Path) -> None:
    arrays = flame_arrays()
    arrays[name] = arrays[name].astype(float)
    arrays[name].flat[3] = value
    assert message in refused(write_flame_npz(tmp_path / "flame.npz", arrays))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", np.full((16, 16, 3), np.nan)),
        ("mean", np.zeros((0, 16, 3))),
        ("mean", np.full((16, 16, 3), "text")),
        ("tex_dir", np.full((16, 16, 3, 4), "text")),
        ("ft", np.full((80, 3), 0.5)),
        ("vt", np.zeros((70, 1))),
        ("vt", np.full((70, 2), np.nan)),
        ("vt", np.full((70, 2), "text")),
    ],
)
def test_textures_that_cannot_be_shown(name: str, value: np.ndarray, tmp_path: Path, flame: Path) -> None:
    arrays = {
        "mean": np.full((16, 16, 3), 120.0),
        "tex_dir": np.zeros((16, 16, 3, 4)),
        "vt": np.random.default_rng(0).random((70, 2)),
        "ft": np.zeros((80, 3), int),
    }
    np.savez(tmp_path / "texture.npz", **arrays)
    load(flame, texture=tmp_path / "texture.npz")
    np.savez(tmp_path / "texture.npz", **{**arrays, name: value})
    refused(flame, texture=tmp_path / "texture.npz")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["f8", ">f4", "f2", "i2"])
def test_the_first_entries_of_an_array_are_read_alone(
    order: Literal["C", "F"], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_BLOCK", 40)
    values = np.random.default_rng(0).integers(-99, 99, (5, 7, 3, 9)).astype(kind)
    np.savez_compressed(tmp_path / "a.npz", basis=np.asarray(values, order=order))
    assert archive.read_shape(tmp_path / "a.npz", "basis") == values.shape
    for count in (1, 4, 9):
        first = archive.read_first(tmp_path / "a.npz", "basis", count)
        np.testing.assert_array_equal(first, values[..., :count].astype(np.float32))
    with pytest.raises(ModelFileError, match="has no array 'bases'"):
        archive.read_first(tmp_path / "a.npz", "bases", 1)


def test_a_flipped_bit_in_what_is_not_kept_is_noticed(tmp_path: Path) -> None:
    np.savez(path := tmp_path / "a.npz", basis=np.ones((9, 9, 3, 8)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"basis cannot be read .*CRC"):
        archive.read_first(path, "basis", 2)


def test_a_texture_of_a_gigabyte_takes_a_third_of_it(tmp_path: Path, flame: Path) -> None:
    path = tmp_path / "texture.npz"
    shapes = {
        "mean": (512, 512, 3),
        "tex_dir": (512, 512, 3, 170),
        "vt": (4, 2),
        "ft": flame_arrays()["f"].shape,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, shape in shapes.items():
            kind = "<i8" if name == "ft" else "<f8"
            with file.open(f"{name}.npy", "w") as entry:
                header = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(entry, header)
                for _ in range(shape[0]):
                    entry.write(bytes(8 * int(np.prod(shape[1:]))))
    program = """
import resource, sys
from jaxface.face import load
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
load(sys.argv[1], texture=sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", program, str(flame), str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(output) < 500_000  # kilobytes


def test_archives_that_lie(tmp_path: Path, flame: Path) -> None:
    bomb = tmp_path / "bomb.npz"
    zeros = np.lib.format.header_data_from_array_1_0(np.zeros((1, 3)))
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        zipfile.ZipFile(flame) as one,
    ):
        for entry in one.namelist():
            with archive.open(entry, "w") as file:
                if entry != "v_template.npy":
                    file.write(one.read(entry))
                    continue
                np.lib.format.write_array_header_1_0(file, zeros | {"shape": (13_000_000, 3)})
                for _ in range(312):
                    file.write(bytes(1_000_000))
    assert "v_template has 312,000,000 bytes, at most" in refused(bomb)
    broken = tmp_path / "lzma.npz"
    with zipfile.ZipFile(broken, "w", zipfile.ZIP_LZMA) as archive, zipfile.ZipFile(flame) as one:
        for entry in one.namelist():
            archive.writestr(entry, one.read(entry))
    data = bytearray(broken.read_bytes())
    data[60:90] = bytes(30)
    broken.write_bytes(bytes(data))
    assert "cannot be read" in refused(broken)


@pytest.mark.parametrize("shape", [(np.nan, 3.0), (np.inf, 3.0), (np.zeros(2), 3)])
def test_sparse_matrices_of_no_shape(shape: Any, tmp_path: Path) -> None:
    matrix = sparse.csc_matrix(np.eye(3))
    matrix.__dict__["_shape"] = shape
    path = tmp_path / "flame.pkl"
    path.write_bytes(pickle.dumps({**flame_arrays(), "J_regressor": matrix}, 2))
    assert "J_regressor" in refused(path)


def test_sparse_matrices_of_large_unsigned_places(tmp_path: Path) -> None:
    matrix = sparse.csr_matrix(flame_arrays()["J_regressor"])
    matrix.indptr = matrix.indptr.astype(np.uint64)
    path = tmp_path / "flame.pkl"
    path.write_bytes(pickle.dumps({**flame_arrays(), "J_regressor": matrix}, 2))
    np.testing.assert_allclose(load(path).joint_regressor, flame_arrays()["J_regressor"], atol=1e-7)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_harmless_company_of_a_model(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "flame.pkl"
    content = OrderedDict(flame_arrays(), date=datetime(2023, 1, 1), path=Path("a"))
    path.write_bytes(pickle.dumps(content, protocol))
    assert describe(path).readable, describe(path).detail


def test_masks_with_the_line_ends_of_windows(tmp_path: Path) -> None:
    masks = {"face": np.arange(9), "lips": np.arange(3)}
    path = tmp_path / "masks.pkl"
    path.write_bytes(pickle.dumps(masks, 0).replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(read_masks(path, files.VERTICES)["lips"], np.arange(3))


@pytest.mark.parametrize(
    ("name", "content", "texture", "masks"),
    [
        (
            "texture.npy",
            b"\x93NUMPY\x01\0",
            r"is a single array \(\.npy\), must be an \.npz",
            "must be a pickle",
        ),
        ("texture.png", b"\x89PNG\r\n\x1a\n", "is an image, must be an .npz", "is an image, must be a pickle"),
        ("masks.pkl", b"\x80\x02}.", "is a pickle, must be an .npz", "masks"),
        ("page.html", b"<!DOCTYPE html>", "is a web page", "is a web page"),
        ("empty", b"", "is empty", "is empty"),
    ],
)
def test_a_file_in_the_place_of_another_is_said_to_be_one(
    name: str, content: bytes, texture: str, masks: str, tmp_path: Path, flame: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert re.search(texture, refused(flame, texture=path)) and re.search(masks, refused(flame, masks=path))
    assert "download it again" not in refused(flame, texture=path)


def test_half_precision_is_read_without_a_warning(tmp_path: Path) -> None:
    arrays = flame_arrays() | {"shapedirs": flame_arrays()["shapedirs"].astype(np.float16)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(write_flame_npz(tmp_path / "half.npz", arrays))


def test_a_zip_of_a_model_is_no_npz(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "FLAME2020.zip", "w") as archive:
        archive.writestr("generic_model.pkl", b"x")
    assert "is a zip archive, not an .npz; unpack it" in refused(tmp_path / "FLAME2020.zip")


@pytest.mark.parametrize("index", ["9" * 30, "-" + "9" * 30, "2147483649"])
def test_an_index_beyond_every_mesh(index: str, tmp_path: Path) -> None:
    path = tmp_path / "mesh.obj"
    path.write_text(f"v 0 0 0\nvt 0 0\nf {index}/1 1/1 1/1\n")
    with pytest.raises(ModelFileError, match="is no polygon"):
        obj.read_mesh(path)
