"""What every page needs of its text: names that do not break, and tables that a phone can show as cards."""

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

_NO_BREAK = "\N{NO-BREAK SPACE}"
_QUANTITY = re.compile(r"\d (?=%)|\b[pnα] = ")
_LONGEST_WHOLE = 26  # letters of a name that fit a phone's line as a headline


def whole_names(text: str, names: Iterable[str]) -> Markup:
    """Return text as HTML in which no line breaks inside one of the names, or in "95 %" and "p = .03".

    Very long names may break.
    """
    text = _QUANTITY.sub(lambda match: match[0].replace(" ", _NO_BREAK), text)
    breaking = [name for name in names if re.search(r"\W", name) and len(name) <= _LONGEST_WHOLE]
    breaking.sort(key=len, reverse=True)
    if not breaking:
        return escape(text)
    pattern = "|".join(re.escape(str(escape(name))) for name in breaking)
    whole = re.sub(rf"(?<![\w-])(?:{pattern})(?![\w-])", r'<span class="whole">\g<0></span>', str(escape(text)))
    return Markup(whole)


def label_cells(page: str) -> str:
    """Return the page with each table cell labelled by the head of its column, which narrow screens show.

    Tables without a head stay as they are.
    """
    return re.sub(r"<table.*?</table>", lambda table: _labelled(table[0]), page, flags=re.DOTALL)


def _labelled(table: str) -> str:
    head, end, body = table.partition("</thead>")
    labels = [_plain(text) for text in re.findall(r"<th\b[^>]*>(.*?)</th>", head, re.DOTALL)]
    if not end:
        return table
    rows = re.split(r"(?=<tr\b)", body)
    return head + end + "".join(_labelled_row(row, labels) for row in rows)


def _labelled_row(row: str, labels: list[str]) -> str:
    rest = iter(labels)
    return re.sub(r"<(td|th)\b", lambda tag: f'<{tag[1]} data-label="{next(rest, "")}"', row)


def _plain(html: str) -> str:
    """Return the text of HTML, still escaped."""
    return re.sub(r"<[^>]*>", "", html).replace('"', "&quot;").strip()
