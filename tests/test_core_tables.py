"""Tables as people's tools write them, and listings without what systems leave behind."""

import math
import os
from pathlib import Path

import pytest

from jaxface.core import tables
from jaxface.core.errors import DataError
from jaxface.core.listing import list_files, list_folders

ROWS = [["path", "größe"], ["a.png", "1.5"], ["b, c.png", ""]]


def rows(path: Path) -> list[list[str]]:
    return [cells for _, cells in tables.read_rows(path, DataError, what="table")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end_gives_the_same_rows(encoding: str, ends: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(ends.join(["path,größe", "a.png,1.5", '"b, c.png",', "", ""]).encode(encoding))
    assert rows(path) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        'path;größe\na.png;1,5\n"b, c.png";\n',
        "sep=;\npath;größe\na.png;1,5\nb, c.png;\n",
        '"sep=;"\r\npath;größe\r\na.png;1,5\r\nb, c.png;\r\n',
        "path\tgröße\na.png\t1.5\nb, c.png\t\n",
        "path|größe\na.png|1.5\nb, c.png|\n",
        " 'path' , 'größe'\n'a.png',\"1.5\"\n\"'b, c.png'\" ,\u00a0\n\n,\n",
    ],
)
def test_every_separator_and_stray_quote_gives_the_same_rows(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    assert rows(path) == ROWS


def test_apostrophes_within_names_stay() -> None:
    cells = {"O'Brien": "O'Brien", "'O'Brien'": "O'Brien", "'007": "007", " 'x' ": "x", "'": "", "''": ""}
    assert {text: tables.clean(text) for text in cells} == cells


def test_missing_cells_are_told_from_numbers_and_words() -> None:
    for text in (
        "",
        " ",
        "NA",
        "#N/A",
        "-nan(ind)",
        "n/a",
        "None",
        "null",
        "NaN",
        "<NA>",
        "1.#QNAN",
        "#DIV/0!",
        "#NAME?",
        "(null)",
        "\\N",
        "NA_real_",
        "n.d.",
    ):
        assert tables.is_missing(text) and math.isnan(tables.number_of(text))
    for text in ("0", "-1", "nancy", "nah"):
        assert not tables.is_missing(text)
    for text in ("x", "inf", "-Infinity", "1_0", "1e999"):
        with pytest.raises(ValueError):
            tables.number_of(text)


def test_line_numbers_count_what_was_skipped(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('sep=,\na,b\n\n"x\ny",1\n2,3\n')
    assert [number for number, _ in tables.read_rows(path, DataError, what="table")] == [2, 5, 6]


def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    os.mkfifo(tmp_path / "pipe.csv")
    for content, message in (
        (b"a,b\n1,\0\n", "line 2 is no text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no text"),
        (b"a,b\n\x81\x8d\n", "no text in UTF-8, UTF-16 or Windows-1252"),
        (b"a" * (tables.LONGEST_LINE + 1), "has more than 4,194,304 letters"),
        (b'a,"' + b"b\n" * 200_000, "no row of a table"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            rows(path)
    for name, message in (("pipe.csv", "is a pipe"), ("absent.csv", "no table at"), (".", "is a folder")):
        with pytest.raises(DataError, match=message):
            rows(tmp_path / name)
    with pytest.raises(DataError, match="is a device"):
        rows(Path("/dev/zero"))


def test_windows_paths_become_this_systems(tmp_path: Path) -> None:
    (tmp_path / "odd\\name.png").touch()
    assert tables.local_path(tmp_path, "a\\b.png") == "a/b.png"
    assert tables.local_path(tmp_path, "odd\\name.png") == "odd\\name.png"


def test_listings_leave_out_litter(tmp_path: Path) -> None:
    for name in (
        "b/1.JPG",
        "a.jpg",
        "._a.jpg",
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "__MACOSX/._a.jpg",
        "t.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in list_files(tmp_path)] == ["a.jpg", "t.csv"]
    assert [path.name for path in list_files(tmp_path, (".jpg",), deep=True)] == ["a.jpg", "1.JPG"]
    assert [path.name for path in list_folders(tmp_path)] == ["b"]
    assert list_files(tmp_path / "absent") == list_folders(tmp_path / "absent") == []
