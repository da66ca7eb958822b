"""Pickles of a megabyte that would end the interpreter or fill the memory; all are refused before anything
is built, whatever reads them."""

import collections
import io
import pickle
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxface.classify import checkpoints
from jaxface.core import unpickle
from jaxface.core.errors import JaxfaceError
from jaxface.face.loaders.unpickle import read_pickle

MANY = 10**6


def read_face(path: Path, program: bytes) -> Any:
    path.write_bytes(program)
    return read_pickle(path)


def read_checkpoint(path: Path, program: bytes) -> Any:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", program)
    return checkpoints.read(path)


readers = pytest.mark.parametrize("read", [read_face, read_checkpoint])
TEXT = b"X" + (4 * MANY).to_bytes(4, "little") + b"a" * (4 * MANY)
TWICE = b")" + b"".join(bytes((0x71, n)) + b"h" + bytes((n,)) + b"\x86" for n in range(40))
"""A tuple that holds the one before it twice, forty times: 2^40 parts in 160 bytes."""


@readers
@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"})" + b"\x85" * MANY + b"Ns.", "nested more than 1,000 deep"),
        (b"})" + b"\x85" * 10**5 + b"Ns.", "nested more than 1,000 deep"),
        (b"]" * 5000 + b"a" * 4999 + b".", "nested more than 1,000 deep"),
        (b"(" * MANY + b")" + b"t" * MANY + b".", "nested more than 1,000 deep"),
        (b"}" + TWICE + b"Ns.", "its keys have too many parts"),
        (b"\x8f(" + TWICE + b"\x90.", "its keys have too many parts"),
        (b"(" + TWICE + b"\x91.", "its keys have too many parts"),
        (b"(" + TWICE + b"Nd.", "its keys have too many parts"),
        (b"(" + b"]" * (MANY + 1) + b"l.", "more than 1,000,000 objects"),
        (b"N0" * MANY + b"}.", "more than 2,000,000 pickle instructions"),
        (b"cdatetime\ndate\n0" * 100_001 + b"}.", "more than 100,000 names"),
        (b"\x8a\xff" + b"\x7f" * 255 + b".", "a whole number of"),
        (b"(" + (b"\x8a\x09" + b"\x7f" * 9) * 10_001 + b"l.", "more than 10,000 whole numbers"),
        (
            TEXT + b"q\x00c_codecs\nencode\nq\x01(" + b"h\x01h\x00\x85R0" * 1500 + b"t.",
            "copies one content again and again",
        ),
        (
            b"]("
            + b"N" * 50_000
            + b"eq\x00ccollections\nOrderedDict\nq\x01("
            + b"h\x01h\x00\x85R0" * 1500
            + b"t.",
            "copies one content again and again",
        ),
    ],
)
def test_what_exhausts_the_machine_is_one_line(
    read: Callable[[Path, bytes], Any], program: bytes, message: str, tmp_path: Path
) -> None:
    start = time.process_time()
    with pytest.raises(JaxfaceError, match=message) as caught:
        read(tmp_path / "model", b"\x80\x02" + program)
    assert time.process_time() - start < 10
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_many_names_are_refused(tmp_path: Path) -> None:
    names = b"".join(b"cdatetime\nname%d\n0" % n for n in range(10_001))
    with pytest.raises(JaxfaceError, match="more than 10,000 names"):
        read_checkpoint(tmp_path / "model.pth", b"\x80\x02" + names + b"}.")


def nested(levels: int) -> Any:
    content: Any = {}
    for _ in range(levels):
        content = {"inner": [content]}
    return content


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "content",
    [
        nested(100),
        {n: {"step": n, "moments": (n, -n)} for n in range(20_000)},
        {("a", n): list(range(50)) for n in range(1000)},
        {"random state": tuple(range(10**5)), "seed": 2**127, "text": "x" * 10**6, "set": {1, 2}},
        collections.OrderedDict(a=frozenset((1, 2)), b=[0.5] * 10**5),
    ],
    ids=["nested", "optimizer", "keys", "states", "ordered"],
)
def test_what_python_writes_is_within_the_budgets(content: Any, protocol: int) -> None:
    stream = io.BytesIO(pickle.dumps(content, protocol))
    kinds = {"OrderedDict": collections.OrderedDict, "set": set, "frozenset": frozenset}
    assert unpickle.load(stream, lambda _, name: kinds[name]) == content
    assert stream.read() == b""


def test_a_large_array_is_within_the_budgets(tmp_path: Path) -> None:
    """FLAME's largest, once by each protocol; below 3 it is text that a call encodes."""
    array = np.arange(2 * MANY, dtype=np.float64)
    for protocol in (2, 5):
        (tmp_path / "model.pkl").write_bytes(pickle.dumps({"a": array, "b": array[::2]}, protocol))
        assert set(read_pickle(tmp_path / "model.pkl")) == {"a", "b"}
