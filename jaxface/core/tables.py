"""Tables and lists that people's tools write: any encoding, separator and quoting; missing cells."""

import codecs
import csv
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from jaxface.core.errors import JaxfaceError
from jaxface.core.files import require_regular_file

LARGEST_TABLE: Final = 2**33
LONGEST_LINE: Final = 2**22
"""Letters; a table is read line by line, and a device or a picture may never end its first one."""

# What pandas, R, MATLAB, C libraries, Excel, SPSS and people write; in lower case.
_MISSING = re.compile(
    r"""
    | n\.?/?a\.? | <na> | \#n/?a(\ n/a)? | [+-]?nan(\(\w+\))? | -?1\.\#(ind|qnan) | none | null | nil | nat
    | \#(null!|div/0!|value!|ref!|num!|name\?) | na_(integer|real|character)_ | \(null\) | \\n
    | n\.d\. | \. | --? | \? | missing | unknown
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HEAD = 2**16
_SEPARATORS = ",;\t|"
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_BLANK = " \t\r\n\f\v\ufeff\u200b\u00a0"


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Read what is no UTF-8 as Excel's "CSV" writes it on Western Windows."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    place = error.start
    return error.object[place : place + 1].decode("cp1252"), place + 1


codecs.register_error("jaxface-windows", _as_windows)


def is_missing(text: str) -> bool:
    """Return whether a cell says that its value is missing: empty, NA, #N/A, -nan(ind), None, null, ..."""
    return _MISSING.fullmatch(text.strip(_BLANK)) is not None


def clean(text: str) -> str:
    """Return a cell without the blanks, byte order marks and apostrophes that tools put around it."""
    text = text.strip(_BLANK)
    if not text or text[0] not in "'\"":
        return text
    while len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip(_BLANK)
    # Spreadsheets begin a cell with one apostrophe to say that it is text.
    return text[1:] if text.startswith("'") and "'" not in text[1:] else text


def read_lines(path: str | Path, error: type[JaxfaceError], *, what: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, without blank ones.

    The encoding is UTF-8, UTF-16, or Windows' for Western Europe.

    Args:
        error: class of what is raised.
        what: describes the file, such as "a list of labels".

    Raises:
        error: no regular file, no text, or a line of more than `LONGEST_LINE` letters.
    """
    for number, line in _lines(path, error, what):
        if text := line.strip(_BLANK):
            yield number, text


def read_rows(
    path: str | Path, error: type[JaxfaceError], *, what: str, separator: str | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table with the numbers of their last lines, cells cleaned, without blank rows.

    The separator is a comma, semicolon, tab or bar, as `sep=;` or the first line says; with
    semicolons, numbers may have decimal commas.

    Raises:
        error: as `read_lines`, or the quotes do not match.
    """
    lines = (line for _, line in _lines(path, error, what))
    first = next(lines, "")
    before = 0
    if match := re.fullmatch(r'["\']?sep=(.)["\']?', first.strip(_BLANK), re.IGNORECASE):
        separator, before, first = match[1], 1, next(lines, "")
    elif first.strip("\r\n").lower() == "sep=\t":
        separator, before, first = "\t", 1, next(lines, "")
    separator = separator or _separator(first)
    reader = csv.reader(_chain(first, lines), delimiter=separator, skipinitialspace=True)
    try:
        for row in reader:
            cells = [clean(cell) for cell in row]
            if separator == ";":
                cells = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]
            if any(cells):
                yield reader.line_num + before, cells
    except csv.Error as problem:
        raise error(f"{path}, line {reader.line_num + before}: no row of a table ({problem})") from None


def local_path(folder: Path, text: str) -> str:
    """Return a relative path of a table as this system writes it: back-slashes of Windows become slashes."""
    if "\\" not in text or os.path.exists(folder / text):
        return text
    return text.replace("\\", "/")


def number_of(text: str) -> float:
    """Return the number in a cell, NaN where it is missing; ValueError where it is neither, or infinite."""
    if is_missing(text):
        return math.nan
    number = float(text)
    if math.isinf(number) or "_" in text:  # Python reads 1_0 as 10
        raise ValueError(f"{text!r} is no number")
    return number


def _separator(first: str) -> str:
    """Return the separator that is most frequent outside of quotes in the first line."""
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=lambda one: (bare.count(one), one == ","))


def _chain(first: str, lines: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from lines


def _lines(path: str | Path, error: type[JaxfaceError], what: str) -> Iterator[tuple[int, str]]:
    require_regular_file(path, error, what=what, largest=LARGEST_TABLE)
    try:
        with open(path, "rb") as file:
            encoding = _encoding(file.read(_HEAD))
            file.seek(0)
            text = io.TextIOWrapper(file, encoding, errors="jaxface-windows", newline="")
            number = 0
            while line := text.readline(LONGEST_LINE):
                number += 1
                if len(line) >= LONGEST_LINE:
                    raise error(f"{path}, line {number} has more than {LONGEST_LINE:,} letters: no {what}")
                if "\0" in line:
                    raise error(f"{path}, line {number} is no text: no {what}")
                yield number, line
    except UnicodeError as problem:
        raise error(f"{path} is no text in UTF-8, UTF-16 or Windows-1252 ({problem}): no {what}") from None
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror or problem}") from None


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    pairs: Sequence[int] = head[: len(head) // 2 * 2]
    if pairs and len(pairs) > 2 and not any(pairs[1::2]):
        return "utf-16-le"
    if pairs and len(pairs) > 2 and not any(pairs[::2]):
        return "utf-16-be"
    return "utf-8-sig"


def csv_text(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of text as CSV, the names first."""
    import pandas  # slow to import; most commands write no table

    return pandas.DataFrame(rows, columns=pandas.Index(names), dtype=object).to_csv(
        index=False, lineterminator="\n"
    )
