"""Checkpoint files that are damaged, foreign or traps: one clear line each, and nothing in them runs."""

import json
import os
import pickle
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxface import classify
from jaxface.classify import checkpoints
from jaxface.core.errors import CheckpointError
from tests import torch_files
from tests.torch_files import Stored, Tensor, save_legacy, save_zip, tensor, tensors

ARRAYS = torch_files.arrays()
formats = pytest.mark.parametrize("save", [save_zip, save_legacy])


def read_all(path: Path) -> None:
    for one in checkpoints.read(path).values():
        np.asarray(one)


def refused(path: Path) -> str:
    """The one line that reading a file gives."""
    with pytest.raises(CheckpointError) as caught:
        read_all(path)
    text = str(caught.value)
    assert str(path) in text and "\n" not in text and len(text) < 400 + len(str(path))
    return text


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.canary}",)


@formats
@pytest.mark.parametrize(
    "wrap", [lambda trap: trap, lambda trap: {"state_dict": tensors(ARRAYS), "extra": trap}]
)
def test_a_trap_is_named_and_runs_nothing(wrap: Callable, save: Callable, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = refused(save(tmp_path / "model.pth", wrap(Trap(canary))))
    assert f"it asks for {os.system.__module__}.system, which no checkpoint needs" in text
    assert not canary.exists()


def pickled(path: Path, program: bytes) -> Path:
    """A zip checkpoint whose pickle is written by hand."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + program + b".")
        archive.writestr("archive/data/0", bytes(16))
    return path


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "__import__"),
        ("__builtin__", "exec"),
        ("subprocess", "Popen"),
        ("importlib", "import_module"),
        ("posix", "system"),
        ("nt", "system"),
        ("os.path", "join"),
        ("operator", "attrgetter"),
        ("pickle", "loads"),
        ("ctypes", "CDLL"),
    ],
)
def test_what_no_checkpoint_needs_is_refused_by_name(module: str, name: str, tmp_path: Path) -> None:
    call = named(module, name) + b"(X\x01\x00\x00\x00xtR"
    assert f"it asks for {module}.{name}" in refused(pickled(tmp_path / "model.pth", call))


REBUILD = named("torch._utils", "_rebuild_tensor_v2")
STORAGE = (
    b"(X\x07\x00\x00\x00storage"
    + named("torch", "FloatStorage")
    + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
)


@pytest.mark.parametrize(
    "name",
    [
        *("typing.Any", "__builtin__.unicode", "__builtin__.long", "builtins.type", "builtins.print"),
        *("logging.getLogger", "re._compile", "uuid.UUID", "decimal.Decimal", "fractions.Fraction"),
        *(
            "math.sqrt",
            "_operator.add",
            "zoneinfo.ZoneInfo",
            "omegaconf.dictconfig.DictConfig",
            "torch.nn.ReLU",
        ),
    ],
)
def test_harmless_names_become_inert(name: str, tmp_path: Path) -> None:
    module, _, attribute = name.rpartition(".")
    call = named(module, attribute) + b"(X\x01\x00\x00\x00xtR"
    tensor = REBUILD + b"(" + STORAGE + b"K\x00K\x04\x85K\x01\x85\x89}tR"
    program = b"}(X\x05\x00\x00\x00hyper" + call + b"X\x0a\x00\x00\x00state_dict}X\x01\x00\x00\x00a"
    path = pickled(tmp_path / "model.pth", program + tensor + b"su")
    np.testing.assert_array_equal(checkpoints.read(path)["a"], np.zeros(4, np.float32))


def version_3(kind: str) -> bytes:
    storage = STORAGE.replace(b"torch\nFloatStorage", b"torch.storage\nUntypedStorage").replace(
        b"K\x04t", b"K\x10t"
    )
    rest = b"K\x00K\x04\x85K\x01\x85\x89}" + named("torch", kind) + b"}tR"
    return named("torch._utils", "_rebuild_tensor_v3") + b"(" + storage + rest


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "uint16", "float8_e5m2"])
def test_tensors_of_untyped_storages(kind: str, tmp_path: Path) -> None:
    path = pickled(tmp_path / "model.pth", b"}X\x01\x00\x00\x00a" + version_3(kind) + b"s")
    tensor = checkpoints.read(path)["a"]
    assert tensor.dtype.name == kind and np.asarray(tensor).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (named("torch._utils", "_rebuild_sparse_tensor") + b")R", "a sparse tensor, which is not read"),
        (named("torch._utils", "_rebuild_qtensor") + b")R", "a quantised tensor, which is not read"),
        (version_3("int4"), "of the type int4, which is not read"),
    ],
)
def test_what_is_not_read_is_said(program: bytes, message: str, tmp_path: Path) -> None:
    path = pickled(tmp_path / "model.pth", b"}X\x01\x00\x00\x00a" + program + b"s")
    with pytest.raises(CheckpointError, match=message):
        read_all(path)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (REBUILD + b"}(X\x08\x00\x00\x00__code__K\x01ub", "changes a function"),
        (STORAGE + b"}(X\x05\x00\x00\x00_pathK\x01ub", "changes a storage"),
        (REBUILD + b"(" + STORAGE + b"K\x00(K\x02tK\x01" + b"tR", "with the strides 1"),
        (REBUILD + b"(" + STORAGE + b"K\x00K\x02(K\x01ttR", "without a shape"),
        (REBUILD + b"(" + STORAGE + b"K\x00(J\xff\xff\xff\xfft(K\x01ttR", "without a shape"),
        (REBUILD + b"(K\x01K\x02tR", "not a complete PyTorch checkpoint"),
        (b"X\x01\x00\x00\x00xQ", "refers to objects outside itself"),
        (b"Pname\n", "PERSID is not allowed"),
        (b"\x82\x01", "EXT1 is not allowed"),
        (b"Nr\xff\xff\xff\x7f", "reaches out of the file"),
        (b"\x8a\xff" + bytes(3), "not a complete PyTorch checkpoint"),
        (
            named("torch", "FloatStorage") + b"}(X\x05\x00\x00\x00dtypeK\x01ub",
            "not a complete PyTorch checkpoint",
        ),
        (b"]", "contains a list"),
        (b"}", "contains no state dict"),
        (b"}(X\x01\x00\x00\x00aK\x01u", "contains no state dict: 'a'"),
        (b"}(X\x05\x00\x00\x00state}X\x0c\x00\x00\x00param_groups]u", "the state of an optimizer"),
    ],
)
def test_programs_that_are_no_checkpoint(program: bytes, message: str, tmp_path: Path) -> None:
    assert message in refused(pickled(tmp_path / "model.pth", program))


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (lambda row: Tensor(row, (5,), (1,)), "claims the bytes 0 to 20, 16 are there"),
        (lambda row: Tensor(row, (2, 2), (3, 1)), "claims the bytes 0 to 20"),
        (lambda row: Tensor(row, (4,), (1,), 1), "claims the bytes 4 to 20"),
        (lambda row: Tensor(row, (10**12,), (1,)), "claims the bytes"),
        (lambda row: Tensor(row, (2**60,), (2**60,)), "without a shape"),
        (lambda row: Tensor(row, (2,), (-1,), 1), "with the strides"),
        (lambda row: Tensor(row, (2,), (1,), -1), "from -1 on"),
    ],
)
@formats
def test_a_tensor_that_claims_more_than_there_is(
    claim: Callable, message: str, save: Callable, tmp_path: Path
) -> None:
    view = claim(Stored(np.zeros(4, np.float32)))
    assert message in refused(save(tmp_path / "model.pth", {"a": view}))


def test_a_legacy_storage_that_claims_more_than_the_file_has(tmp_path: Path) -> None:
    path = save_legacy(tmp_path / "model.pth", {"a": tensor(np.zeros(4, np.float32))})
    data = bytearray(path.read_bytes())
    data[-24:-16] = (2**40).to_bytes(8, "little")
    path.write_bytes(data)
    assert "storage 0 claims 1099511627776 numbers, 16 bytes are left" in refused(path)


@formats
def test_truncated_anywhere(save: Callable, tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.pth", {"state_dict": tensors(ARRAYS)}).read_bytes()
    path = tmp_path / "cut.pth"
    for length in [*range(0, len(whole) - 1, 29), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refused(path)


@formats
def test_a_changed_byte_is_an_error_of_ours_or_none(save: Callable, tmp_path: Path) -> None:
    whole = save(tmp_path / "whole.pth", {"state_dict": tensors(ARRAYS)}).read_bytes()
    path = tmp_path / "changed.pth"
    rng = np.random.default_rng(0)
    refusals = 0
    for place in rng.integers(0, len(whole), 250):
        data = bytearray(whole)
        data[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(data))
        try:
            read_all(path)
        except CheckpointError as error:
            assert "\n" not in str(error)
            refusals += 1
    assert refusals > 80


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "model.pth", {"a": tensor(np.arange(64, dtype=np.float32))})
    whole = path.read_bytes()
    place = whole.index(np.arange(64, dtype=np.float32).tobytes()) + 70
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    assert "is damaged (a checksum differs)" in refused(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0 a photograph", "in no format that jaxface reads"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>Google Drive", "is a web page"),
        (pickle.dumps({"a": 1}), "a pickle, but not one of PyTorch's"),
        (pickle.dumps(3, 0), "in no format that jaxface reads"),
        (b"\x89HDF\r\n\x1a\n and nothing more", "not a readable HDF5"),
        (b"[]", "contains no tensors"),
        (b"{}", "not a manifest of weights|contains no tensors"),
        (b'[{"weights": 3}]', "not a manifest of weights"),
        (b"[" * 100_000, "nested too deep"),
        (b"\x1f\x8b\x08", "an archive of gzip, not the checkpoint itself; unpack it first"),
        (bytes(257) + b"ustar" + bytes(250), "an archive of tar"),
        (b"PK\x05\x06" + bytes(18), "without PyTorch's data.pkl"),
    ],
)
def test_renamed_files(content: bytes, message: str, tmp_path: Path) -> None:
    if content.startswith(b"\x89HDF"):
        pytest.importorskip("h5py")
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    assert any(part in refused(path) for part in message.split("|"))


def test_other_archives(tmp_path: Path) -> None:
    def archive(**entries: bytes) -> Path:
        with zipfile.ZipFile(tmp_path / "model.pth", "w") as file:
            for name, data in entries.items():
                file.writestr(name.replace("__", "/").replace("_", "."), data)
        return tmp_path / "model.pth"

    assert "without PyTorch's data.pkl" in refused(archive(word__document_xml=b"x"))
    assert "a TorchScript archive" in refused(archive(m__data_pkl=b"x", m__constants_pkl=b"x"))
    assert "big-endian" in refused(archive(m__data_pkl=b"x", m__byteorder=b"big"))
    two = refused(archive(best__net_pth=b"x", last_ckpt=b"x", read_me=b"x"))
    assert "unpack it first, it holds 'best/net.pth', 'last.ckpt'" in two


def test_storages_that_are_missing_or_compressed(tmp_path: Path) -> None:
    path = save_zip(tmp_path / "model.pth", {"a": tensor(np.zeros(4, np.float32))})
    with zipfile.ZipFile(path) as whole:
        program = whole.read("archive/data.pkl")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
    assert "storage '0' is missing" in refused(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", bytes(16))
    assert "its tensors are compressed" in refused(path)


@pytest.mark.parametrize("entry", ["byteorder", "data.pkl"])
def test_an_entry_that_inflates_is_refused(entry: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if entry != "data.pkl":
            archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr(f"archive/{entry}", bytes(1 << 27))
    assert "holds more than" in refused(path)


def test_a_checkpoint_is_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path, message in (
        (tmp_path / "pipe.pth", "is a pipe"),
        (Path("/dev/zero"), "is a device"),
        (tmp_path, "is a folder"),
        (tmp_path / ("a" * 300), "File name too long"),
        (tmp_path / "a\0b", "cannot be the name"),
    ):
        with pytest.raises(CheckpointError, match=message):
            classify.load("fer-mini-xception", path)
        with pytest.raises(CheckpointError, match=message):
            checkpoints.read(path)


def test_thousands_of_arrays_are_opened_once(tmp_path: Path) -> None:
    arrays = {f"a{number}": np.zeros(1, np.float32) for number in range(3000)}
    np.savez(tmp_path / "many.npz", **arrays)
    start = time.process_time()
    assert len(checkpoints.read(tmp_path / "many.npz")) == 3000
    assert time.process_time() - start < 5
    np.savez(tmp_path / "more.npz", **{f"{name}.{k}": one for name, one in arrays.items() for k in range(7)})
    assert "21,000 arrays" in refused(tmp_path / "more.npz")


def test_scores_beside_a_state_dict_are_none(tmp_path: Path) -> None:
    content = {"best_acc": tensor(np.float32(0.6)), "net_state": tensors(ARRAYS)}
    assert "contains no state dict: 'best_acc', 'net_state'" in refused(save_zip(tmp_path / "m.pth", content))


def test_a_module_that_holds_itself_ends(tmp_path: Path) -> None:
    module = torch_files.module("networks.Net", ARRAYS)
    module.__dict__["_modules"]["again"] = module
    path = tmp_path / "model.pth"
    save_zip(path, {"model": module})
    assert "more layers than any network has" in refused(path)


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [5], "data_offsets": [0, 16]}},
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 17]}},
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [-4, 12]}},
        {"a": {"dtype": "X9", "shape": [4], "data_offsets": [0, 16]}},
        {"a": {"dtype": "F32", "shape": "four", "data_offsets": [0, 16]}},
        {"a": {"shape": [4]}},
        {"a": 3},
        [1, 2],
    ],
)
def test_safetensors_that_lie(header: Any, tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    refused(path)


def test_safetensors_cut_short(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for length in range(0, len(whole), 37):
        (tmp_path / "cut").write_bytes(whole[:length])
        refused(tmp_path / "cut")


def test_an_npz_that_claims_a_terabyte(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**38,)})
    assert "not a readable .npz" in refused(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paths": ["absent"]}, "its shard absent is not beside it"),
        ({"paths": ["../shard"]}, "must be files beside it"),
        ({"weights": [{"name": "a", "shape": [4], "dtype": "float32"}]}, "describes 16 bytes"),
        ({"weights": [{"name": "a", "shape": [9], "dtype": "float32"}]}, "'a' claims the bytes 0 to 36 of 20"),
        ({"weights": [{"name": "a", "shape": [-5], "dtype": "float32"}]}, "'a' claims the bytes"),
        ({"weights": [{"name": "a", "shape": [5], "dtype": "string"}]}, "not a manifest of weights"),
    ],
)
def test_manifests_that_lie(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    group = {"weights": [{"name": "a", "shape": [5], "dtype": "float32"}], "paths": ["shard"]}
    (tmp_path / "shard").write_bytes(bytes(20))
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps([group | change]))
    assert message in refused(path)


def test_shards_of_gigabytes_are_not_read(tmp_path: Path) -> None:
    group = {"weights": [{"name": "a", "shape": [2**30], "dtype": "uint8"}], "paths": ["shard"]}
    (tmp_path / "shard").touch()
    os.truncate(tmp_path / "shard", 2**30)
    (tmp_path / "manifest.json").write_text(json.dumps([group]))
    assert "its shards have 1,073,741,824 bytes, at most 67,108,864 are read" in refused(
        tmp_path / "manifest.json"
    )


@pytest.mark.parametrize("scale", [2, 2.0])
def test_a_whole_scale_is_no_arithmetic_of_bytes(scale: float, tmp_path: Path) -> None:
    quantization = {"dtype": "uint8", "scale": scale, "min": -0.5}
    group = {"weights": [{"name": "a", "shape": [3], "dtype": "float32", "quantization": quantization}]}
    (tmp_path / "shard").write_bytes(bytes([0, 100, 200]))
    (tmp_path / "manifest.json").write_text(json.dumps([group | {"paths": ["shard"]}]))
    read = checkpoints.read(tmp_path / "manifest.json")
    np.testing.assert_array_equal(read["a"], np.float32([-0.5, 199.5, 399.5]))


def test_without_h5py_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "model.hdf5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "pip install h5py" in refused(path)
