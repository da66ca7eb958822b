"""Fill templates with values."""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from jaxface.report.page_text import label_cells


def render(name: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """Return `templates/NAME.html` as HTML text, with the style sheet as `style` and labels in table cells.

    Values are escaped, unless they are `Markup`.
    """
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(read),
    )
    environment.filters |= filters
    page = environment.get_template(f"{name}.html").render(style=Markup(read("report.css")), **values)
    return label_cells(page)


def render_text(name: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """Return `templates/NAME` as plain text; nothing is escaped."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters |= filters
    return environment.from_string(read(name)).render(**values)


def read(name: str) -> str:
    """Return the text of a file in `templates/`."""
    return (resources.files("jaxface.report") / "templates" / name).read_text(encoding="utf-8")
