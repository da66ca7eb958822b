"""Which model a path holds, and what is said of everything that is none."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import jaxface as jf
from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.face.loaders import describe, load, sniff
from tests.flame_files import flame_arrays, write_flame_npz, write_flame_pickle

NOT_MODELS = {
    "empty.pkl": (b"", "is empty"),
    "page.pkl": (b"<!DOCTYPE html><html>log in</html>", "a web page"),
    "pointer.npz": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "picture.npz": (b"\x89PNG\r\n\x1a\n", "an image"),
    "packed.pkl": (gzip.compress(b"x"), "decompress it first"),
    "mesh.obj": (b"v 0 0 0\nv 1 0 0\n", "a single OBJ mesh"),
    "noise.npz": (b"\x00\x01\x02\x03" * 10, "no face model"),
    "cut.npz": (b"PK\x03\x04" + b"\x00" * 40, "no complete .npz archive"),
    "one.pkl": (b"\x80", "no face model"),
}


@pytest.mark.parametrize("name", NOT_MODELS)
def test_what_is_no_model_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    content, message = NOT_MODELS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=message) as caught:
        load(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value)
    report = describe(tmp_path / name)
    assert not report.readable and report.detail == str(caught.value)


def test_kinds_are_told_by_content(tmp_path: Path) -> None:
    arrays = flame_arrays()
    with (tmp_path / "model.pkl").open("wb") as file:
        np.savez(file, **arrays)
    write_flame_pickle(tmp_path / "model.npz", arrays)
    assert sniff(tmp_path / "model.pkl") == "flame-npz"
    assert sniff(tmp_path / "model.npz") == "flame-pickle"


def test_a_foreign_archive_and_flames_texture(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    with pytest.raises(ModelFileError, match=r"an .npz of \['weights'\], no face model"):
        load(tmp_path / "other.npz")
    np.savez(tmp_path / "texture.npz", mean=np.zeros(3), tex_dir=np.zeros(3))
    with pytest.raises(ModelFileError, match="give it as texture="):
        load(tmp_path / "texture.npz")


@pytest.mark.parametrize("length", [0.3, 0.7, 0.99])
@pytest.mark.parametrize("form", ["npz", "pickle"])
def test_a_truncated_model(tmp_path: Path, form: str, length: float) -> None:
    write = write_flame_npz if form == "npz" else write_flame_pickle
    path = write(tmp_path / "flame.npz", flame_arrays())
    content = path.read_bytes()
    path.write_bytes(content[: int(length * len(content))])
    with pytest.raises(ModelFileError, match=r"download (it|the file) again") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_objects_and_claims_in_an_archive_are_refused(tmp_path: Path) -> None:
    arrays = {**flame_arrays(), "v_template": np.array([{"a": 1}], object)}
    with pytest.raises(ModelFileError, match="v_template holds Python objects"):
        load(write_flame_npz(tmp_path / "objects.npz", arrays))
    path = write_flame_npz(tmp_path / "claims.npz", flame_arrays())
    content = path.read_bytes()
    honest, claim = b"'shape': (60, 3), }", b"'shape': (6**9,3),}"
    path.write_bytes(content.replace(honest, claim))
    with pytest.raises(ModelFileError, match="v_template"):
        load(path)
    path.write_bytes(content.replace(b"(60, 3), }" + b" " * 14, b"(60000000000000, 3), }" + b"  "))
    with pytest.raises(ModelFileError, match="v_template"):
        load(path)


def test_names_and_missing_paths() -> None:
    with pytest.raises(ModelFileError, match="did you mean 'bundled'"):
        load("bundeld")
    with pytest.raises(ModelFileError, match=r"no face model at nowhere/flame.pkl"):
        load("nowhere/flame.pkl")
    with pytest.raises(ModelFileError, match=r"no face model at flame.pkl"):
        load("flame.pkl")


def test_a_folder_without_the_neutral_mesh(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="give its FaceXModel folder"):
        load(tmp_path)


def test_options_that_a_model_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the bundled head has no option 'masks'"):
        load("bundled", masks="x")
    path = write_flame_npz(tmp_path / "flame.npz", flame_arrays())
    with pytest.raises(ModelFileError, match=r"no face model's \.npz at"):
        load(path, texture=tmp_path / "missing.npz")


def test_describe_says_what_is_in_a_model(tmp_path: Path) -> None:
    report = describe(write_flame_pickle(tmp_path / "flame.pkl", flame_arrays()))
    assert report.readable and report.kind == "flame-pickle"
    assert "60 vertices, 80 triangles, 100 identity and 50 expression coefficients" in report.detail


def test_load_is_public() -> None:
    assert jf.face.load is load
