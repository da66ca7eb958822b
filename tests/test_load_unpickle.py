"""The restricted unpickler: reads what FLAME is made of, and runs nothing."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from jaxface.core.errors import ModelFileError
from jaxface.face.loaders import unpickle
from jaxface.face.loaders.unpickle import array, read_pickle
from tests import flame_files as files

VALUES = np.arange(12.0).reshape(3, 4)


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.canary}",)


def test_a_class_with_reduce_runs_nothing(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "flame.pkl"
    path.write_bytes(pickle.dumps({"v_template": Trap(canary)}, 2))
    with pytest.raises(ModelFileError, match=r"(posix|nt|os)\.system"):
        read_pickle(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("__builtin__", "getattr"),
        ("subprocess", "Popen"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.testing", "ndarray"),
        ("scipy.sparse._csc", "np.load"),
        ("chumpyevil", "Ch"),
        ("_codecs", "lookup"),
        ("functools", "partial"),
    ],
)
def test_a_name_outside_the_list_is_refused_by_name(tmp_path: Path, module: str, name: str) -> None:
    call = files.named(module, name) + b"(" + files.text("1") + b"tR"
    path = files.write_pickle(tmp_path / "flame.pkl", {"v_template": call})
    with pytest.raises(ModelFileError, match=rf"{module}\.{name}"):
        read_pickle(path)


@pytest.mark.parametrize(
    "program",
    [b"Pname\n", files.text("name") + b"Q", b"\x82\x01", b"\x97", b"r\xff\xff\xff\x7f"],
)
def test_instructions_that_no_model_needs_are_refused(tmp_path: Path, program: bytes) -> None:
    path = tmp_path / "flame.pkl"
    path.write_bytes(b"\x80\x02N" + program + b".")
    with pytest.raises(ModelFileError, match=r"not allowed|reaches out"):
        read_pickle(path)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("_codecs", "encode"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("copy_reg", "_reconstructor"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy", "ndarray"),
        ("__builtin__", "object"),
    ],
)
@pytest.mark.parametrize("attribute", ["__kwdefaults__", "__doc__"])
def test_what_a_file_names_it_cannot_change(tmp_path: Path, module: str, name: str, attribute: str) -> None:
    """BUILD with (None, attributes) sets them on what lies below; on ours they would stay for the next file."""
    stream = files.named(module, name) + b"N}" + files.text(attribute) + b"}s\x86b"
    path = files.write_pickle(tmp_path / "flame.pkl", {"v_template": stream})
    before = [(stand_in, getattr(stand_in, attribute, None)) for *_, stand_in in unpickle._ALLOWED]
    with pytest.raises(ModelFileError, match=r"changes a function|no complete pickle"):
        read_pickle(path)
    assert [(stand_in, getattr(stand_in, attribute, None)) for stand_in, _ in before] == before


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_reads_what_todays_python_writes(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.pkl"
    content = {
        "plain": VALUES,
        "fortran": np.asfortranarray(VALUES),
        "big": VALUES.astype(">f4"),
        "scalar": np.float64(2.5),
        "rows": sparse.csr_matrix(VALUES),
        "columns": sparse.csc_matrix(VALUES),
    }
    path.write_bytes(pickle.dumps(content, protocol))
    result = read_pickle(path)
    for name in ("plain", "fortran", "big", "rows", "columns"):
        np.testing.assert_array_equal(array(result[name], name), VALUES, err_msg=name)
    assert array(result["scalar"], "scalar") == 2.5


@pytest.mark.parametrize("layout", ["csr", "csc"])
def test_reads_python_2_with_chumpy_and_sparse(tmp_path: Path, layout: str) -> None:
    matrix = getattr(sparse, f"{layout}_matrix")(VALUES)
    items = {
        "chumpy": files.chumpy_array(VALUES),
        "sparse": files.sparse_matrix(layout, (3, 4), matrix.data, matrix.indices, matrix.indptr),
    }
    result = read_pickle(files.write_pickle(tmp_path / "flame.pkl", items))
    np.testing.assert_array_equal(array(result["chumpy"], "chumpy"), VALUES)
    np.testing.assert_array_equal(array(result["sparse"], "sparse"), VALUES)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (files.numpy_array(VALUES, shape=(1_000_000, 1_000_000)), "claims the shape"),
        (files.numpy_array(VALUES, shape=(2, -6)), "no shape"),
        (files.numpy_array(VALUES, code="O8"), "elements of type 'O8'"),
        (files.numpy_array(VALUES, code="f4"), "claims the shape"),
        (files.chumpy_array(VALUES, name="Select", attribute="a"), "unevaluated chumpy.ch.Select"),
        (files.text("x"), "array of numbers"),
        (files.sparse_matrix("csc", (10**6, 10**6), [1.0], [0], [0, 1]), "1000000 x 1000000"),
        (files.sparse_matrix("csr", (2, 3), [1.0, 2.0], [0, 3], [0, 1, 2]), "outside its shape"),
        (files.sparse_matrix("csr", (2, 3), [1.0, 2.0], [0, -1], [0, 1, 2]), "outside its shape"),
        (files.sparse_matrix("csr", (2, 3), [1.0, 2.0], [0, 1], [0, 5, 2]), "outside its shape"),
        (files.sparse_matrix("csr", (2, 3), [1.0, 2.0], [0, 1], [0, 2]), "outside its shape"),
        (files.sparse_matrix("csr", (2, 3), [1.0], [0, 1], [0, 1, 2]), "outside its shape"),
    ],
)
def test_an_array_that_lies_is_refused(tmp_path: Path, value: bytes, message: str) -> None:
    result = read_pickle(files.write_pickle(tmp_path / "flame.pkl", {"thing": value}))
    with pytest.raises(ModelFileError, match=message) as caught:
        array(result["thing"], "thing")
    assert "thing" in str(caught.value) and "\n" not in str(caught.value)


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"thing": np.array([1, "two"], object)}, 2))
    with pytest.raises(ModelFileError, match="not numbers"):
        array(read_pickle(path)["thing"], "thing")


def test_truncated_anywhere_is_one_clear_line(tmp_path: Path) -> None:
    whole = files.write_pickle(tmp_path / "whole.pkl", {"a": files.chumpy_array(VALUES)}).read_bytes()
    path = tmp_path / "cut.pkl"
    for length in range(2, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match="no complete pickle") as caught:
            read_pickle(path)
        assert "\n" not in str(caught.value)


def test_a_list_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "list.pkl"
    path.write_bytes(pickle.dumps([1, 2], 2))
    with pytest.raises(ModelFileError, match="holds a list"):
        read_pickle(path)
