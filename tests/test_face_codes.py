"""Codes of DECA, EMOCA and SMIRK on a head in FLAME's format."""

import pickle
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from jaxface import face
from jaxface.audit import AuditConfig
from jaxface.audit.people import load_people
from jaxface.core.errors import ConfigError
from tests.flame_files import flame_arrays, write_flame_npz


@cache
def head() -> face.FaceModel:
    folder = Path(mkdtemp())
    return face.load(
        write_flame_npz(folder / "flame.npz", flame_arrays()), identity_components=100, expression_components=50
    )


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape[-1]).normal(size=shape).astype(np.float32)


DECA = {
    "shape": numbers(3, 100),
    "exp": numbers(3, 50),
    "pose": numbers(3, 6),
    "tex": numbers(3, 50),
    "cam": numbers(3, 3),
    "light": numbers(3, 9, 3),
}
EMOCA = {name: DECA[name] for name in ("cam", "light")} | {
    f"{name}code": DECA[name] for name in ("shape", "exp", "pose", "tex")
}
SMIRK = {
    "shape_params": DECA["shape"],
    "expression_params": DECA["exp"],
    "pose_params": DECA["pose"][:, :3],
    "jaw_params": DECA["pose"][:, 3:],
    "eyelid_params": numbers(3, 2),
    "cam": DECA["cam"],
}
TOOLS = {"DECA": DECA, "EMOCA": EMOCA, "SMIRK": SMIRK}


def write(path: Path, arrays: dict[str, Any]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".mat":
        savemat(path, arrays)
    else:
        path.write_bytes(pickle.dumps(arrays))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".pkl"])
@pytest.mark.parametrize("tool", TOOLS)
def test_every_tools_codes_are_flames_coefficients(tmp_path: Path, tool: str, suffix: str) -> None:
    codes = face.read_codes(write(tmp_path / f"codes{suffix}", TOOLS[tool]), head())
    np.testing.assert_array_equal(codes.params.identity, DECA["shape"])
    np.testing.assert_array_equal(codes.params.expression, DECA["exp"])
    root, jaw = head().joint_names.index("root"), head().joint_names.index("jaw")
    np.testing.assert_array_equal(codes.params.pose[:, root], DECA["pose"][:, :3])
    np.testing.assert_array_equal(codes.params.pose[:, jaw], DECA["pose"][:, 3:])
    assert np.abs(np.delete(codes.params.pose, (root, jaw), axis=1)).max() == 0
    np.testing.assert_array_equal(codes.camera, DECA["cam"])
    if tool == "SMIRK":
        assert codes.light is None and "eyelid_params" in codes.note
    else:
        np.testing.assert_array_equal(codes.light, DECA["light"])
        assert "not of the head's texture" in codes.note


def test_one_photograph_and_fewer_coefficients_are_completed_by_zeros(tmp_path: Path) -> None:
    path = write(tmp_path / "one.npz", {"betas": DECA["shape"][0, :40], "detailcode": numbers(1, 128)})
    codes = face.read_codes(path, head())
    assert codes.params.identity.shape == (1, 100)
    np.testing.assert_array_equal(codes.params.identity[0, :40], DECA["shape"][0, :40])
    assert np.abs(codes.params.identity[:, 40:]).max() == 0 and "not read: detailcode" in codes.note
    np.save(tmp_path / "table.npy", DECA["shape"])
    np.testing.assert_array_equal(
        face.read_codes(tmp_path / "table.npy", head()).params.identity, DECA["shape"]
    )


def test_the_people_of_the_codes_are_audited(tmp_path: Path) -> None:
    codes = face.read_codes(write(tmp_path / "deca.npz", DECA), head())
    people = load_people(AuditConfig(people=codes.people, identities=2), head())
    assert people is not None and len(people) == 2
    np.testing.assert_array_equal(people.identity, DECA["shape"][:2])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"exp": DECA["exp"]}, "no shape codes"),
        ({"shape": numbers(2, 300)}, "identity_components = 300"),
        ({"shape": DECA["shape"], "exp": numbers(3, 100)}, "expression_components = 100"),
        ({"shape": DECA["shape"], "exp": numbers(2, 50)}, "2 rows"),
        ({"shape": DECA["shape"], "betas": DECA["shape"]}, "both 'shape' and 'betas'"),
        ({"shape": DECA["shape"], "pose": numbers(3, 15)}, "15 numbers"),
        ({"shape": np.full((1, 5), np.inf, np.float32)}, "not finite"),
    ],
)
def test_codes_that_do_not_fit_say_why(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        face.read_codes(write(tmp_path / "codes.npz", arrays), head())


def test_nothing_in_a_pickle_is_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    (tmp_path / "trap.pkl").write_bytes(pickle.dumps({"shape": Trap()}))
    with pytest.raises(ConfigError, match="codes"):
        face.read_codes(tmp_path / "trap.pkl", head())
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".mat", ".pkl", ".txt"])
def test_files_that_are_no_codes_say_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"codes{suffix}"
    for content in (b"", b"no codes at all", bytes(300)):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="codes"):
            face.read_codes(path, head())
    path.unlink()
    with pytest.raises(ConfigError, match="codes"):
        face.read_codes(path, head())
