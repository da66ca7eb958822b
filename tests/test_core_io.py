"""Files are whole or absent."""

import hashlib
from pathlib import Path

import pytest

from jaxface.core import io


def test_what_is_written_is_read(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    io.write_text(target, "größer\n")
    assert target.read_text(encoding="utf-8") == "größer\n"
    io.write_bytes(target, b"\x00\x01")
    assert target.read_bytes() == b"\x00\x01"
    assert [file.name for file in target.parent.iterdir()] == ["a.txt"]


def test_an_error_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    io.write_text(target, "old")
    with pytest.raises(RuntimeError), io.atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_temporary_file_keeps_the_suffix(tmp_path: Path) -> None:
    with io.atomic_path(tmp_path / "a.npz") as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path
        assert temporary.name != "a.npz"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 300)
    with pytest.raises(OSError) as caught:
        io.write_text(path, "x")
    assert caught.value.filename == str(path)


def test_others_may_read_it(tmp_path: Path) -> None:
    io.write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_sha256(tmp_path: Path) -> None:
    io.write_bytes(tmp_path / "a", b"face")
    assert io.sha256(tmp_path / "a") == hashlib.sha256(b"face").hexdigest()
