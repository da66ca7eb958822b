"""Text in columns that fit a terminal."""

import shutil
from collections.abc import Sequence
from typing import NamedTuple

GAP = "  "


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        least: to how many letters its texts may be cut; 0 = they are shown whole.
        right: align to the right, as numbers are.
    """

    name: str
    texts: Sequence[str]
    least: int = 0
    right: bool = False

    @property
    def width(self) -> int:
        return max(map(len, (self.name, *self.texts)))


def terminal_width() -> int:
    """Return the columns of the terminal; `COLUMNS` has precedence, and 80 stand for what is no terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def table(columns: Sequence[Column], width: int) -> str:
    """Return a table of at most `width` letters a line.

    Columns that do not fit are left out, from the last one on; then texts are cut, marked by "…", in the widest
    of the columns that allow it.
    """
    columns = list(columns)
    while len(columns) > 1 and _total([column.least or column.width for column in columns]) > width:
        columns.pop()
    widths = [column.width for column in columns]
    while _total(widths) > width:
        elastic = [index for index, column in enumerate(columns) if 0 < column.least < widths[index]]
        if not elastic:
            break
        widths[max(elastic, key=widths.__getitem__)] -= 1
    rows = zip(*((column.name, *column.texts) for column in columns), strict=True)
    return "\n".join(
        GAP.join(
            _cut(text, width).rjust(width) if column.right else _cut(text, width).ljust(width)
            for text, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in rows
    )


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
