"""The fifteen rows of the paper's Table 3 as configs: `variants.toml` lists the parts that each leaves out."""

import dataclasses
import functools
import tomllib
from importlib.resources import files
from typing import NamedTuple

from jaxface.core.errors import ConfigError, suggestion
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, PartsConfig


class Row(NamedTuple):
    """A row: its number in the paper's table, its name here, and the parts it has."""

    number: int
    name: str
    parts: PartsConfig


@functools.cache
def rows() -> tuple[Row, ...]:
    """Return all rows in the table's order."""
    text = files("jaxface.frameworks.causal_affect").joinpath("variants.toml").read_text("utf-8")
    return tuple(
        Row(number, row["name"], PartsConfig(**dict.fromkeys(row["without"], False)))
        for number, row in enumerate(tomllib.loads(text)["rows"], start=1)
    )


def row(which: int | str) -> Row:
    """Return a row by its number (1 to 15) or its name; raise ConfigError without one."""
    for entry in rows():
        if which in (entry.number, entry.name):
            return entry
    names = [entry.name for entry in rows()]
    raise ConfigError(f"Table 3 has no row {which!r} among 1 to {len(names)}{suggestion(str(which), names)}")


def variant(base: CausalAffectConfig, which: int | str) -> CausalAffectConfig:
    """Return the config with the parts of a `row`; everything else stays."""
    return dataclasses.replace(base, parts=row(which).parts)
