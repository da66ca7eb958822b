"""Files that others made: what cannot be read is told in one line, at once."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jaxface.core import errors, files
from jaxface.core.config import load_toml
from jaxface.core.errors import ConfigError, DataError
from tests.test_config import Outer


def write(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def nested_tables(path: Path) -> None:
    path.write_text("\n".join(f"{'.'.join('abcdefghij' * 4)}{number} = 1" for number in range(9000)))


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (os.mkfifo, "is a pipe"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device"),
    "folder": (Path.mkdir, "is a folder; name a config file"),
    "loop of links": (lambda path: path.symlink_to(path), "cannot be read: Too many levels"),
    "large": (
        lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**40),
        "bytes; a config file has",
    ),
    "bytes": (write(b"\xff\xfe\x00"), "byte 0 is not UTF-8"),
    "dotted keys": (write(b".".join([b"a"] * 100_000) + b" = 1"), "nested too deep"),
    "spaced dotted keys": (write(b" . ".join([b'"a"'] * 100_000) + b" = 1"), "nested too deep"),
    "many dotted keys": (nested_tables, "nested too deep"),
    "lists": (write(b"x = " + b"[" * 100_000), "nested too deep"),
    "shallower lists": (write(b"labels = " + b"[" * 200 + b"]" * 200), "nested too deep"),
    "decimal giant": (write(b"either = " + b"9" * 5000), "is not valid TOML"),
    "giant": (write(b"either = " + b"9" * 400), "either is a number of 1,329 bits"),
    "hexadecimal giant": (
        write(b"[inner]\nweight = 0x" + b"f" * 9000),
        "inner.weight is a number of 36,000 bits",
    ),
    "long value": (write(b"loud = '" + b"x" * 100_000 + b"'"), "must be bool"),
    "long word": (write(b"x" * 900_000), "is not valid TOML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_configs_get_one_short_line_at_once(tmp_path: Path, name: str) -> None:
    make, message = HOSTILE[name]
    make(path := tmp_path / "c.toml")
    start = time.process_time()
    with pytest.raises(ConfigError, match=message) as refusal:
        load_toml(Outer, path)
    assert time.process_time() - start < 5
    text = str(refusal.value)
    assert str(path) in text and len(text) < 2000 and text.isprintable()


@pytest.mark.parametrize("name", ["nul\0nul", "x" * 300, "\udcff\ud800", "absent", "file/below"])
def test_impossible_names_are_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"no table at|cannot be"):
        files.read_text(f"{tmp_path}/{name}", DataError, what="table")


def test_a_file_without_a_size_is_bounded_too() -> None:
    with pytest.raises(DataError, match="has more than 4 bytes"):
        files.read_bytes("/proc/self/environ", DataError, largest=4)


def test_texts_of_other_editors_are_read(tmp_path: Path) -> None:
    (path := tmp_path / "c.toml").write_bytes("\ufeffname = 'a.b'\r\nloud = true # a.b.c\r\n".encode())
    assert load_toml(Outer, path) == Outer(name="a.b", loud=True)


def test_many_dots_in_texts_are_no_depth(tmp_path: Path) -> None:
    (path := tmp_path / "c.toml").write_text(f"name = '{'a.' * 500}' # {'b.' * 500}\n[inner]\nweight = 1.5\n")
    assert load_toml(Outer, path).inner.weight == 1.5


def test_numbers_that_json_writes_are_read_and_giants_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"seed": 18446744073709551615, "loss": [1.5, -2, true, null]}')
    assert files.read_json(path, DataError)["seed"] == 2**64 - 1
    path.write_text(f'{{"a": [{{"b": 1{"0" * 30}}}]}}')
    with pytest.raises(DataError, match=r"a\.b is a number of 100 bits"):
        files.read_json(path, DataError)


@pytest.mark.parametrize("text", ["[" + "[]," * 1_000_001 + "0]", "[" + "0," * 4_000_001 + "0]"])
def test_a_json_of_more_values_than_any_file_needs_is_refused_at_once(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    begin = time.process_time()
    with pytest.raises(DataError, match=r"more than 4,000,000 values or 1,000,000 lists: no list of sums"):
        files.read_json(path, DataError, what="list of sums")
    assert time.process_time() - begin < 1.0


def test_a_message_is_one_line_without_control_characters() -> None:
    error = ConfigError("evil\x1b[2J\x07 name\n\n  on   lines \u202e \ud800 é 笑")
    assert str(error) == r"evil\x1b[2J\x07 name on lines \u202e \ud800 é 笑"
    long = str(ConfigError("begin" + "x" * 10**6 + "end"))
    assert len(long) < errors.LONGEST_MESSAGE + 10 and long.startswith("begin") and long.endswith("end")
