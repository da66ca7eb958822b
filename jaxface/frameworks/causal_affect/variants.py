"""The fifteen rows of the paper's Table 3 as configs: `variants.toml` names the parts that each leaves out."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from importlib.resources import files
from typing import NamedTuple

from jaxface.core.errors import ConfigError, suggestion
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, PartsConfig


class Row(NamedTuple):
    """A row: its number in the paper's table, our name, and the parts it has."""

    number: int
    name: str
    parts: PartsConfig


@functools.cache
def rows() -> tuple[Row, ...]:
    """All rows in the table's order."""
    text = files("jaxface.frameworks.causal_affect").joinpath("variants.toml").read_text("utf-8")
    return tuple(
        Row(number, row["name"], PartsConfig(**dict.fromkeys(row["without"], False)))
        for number, row in enumerate(tomllib.loads(text)["rows"], start=1)
    )


def row(which: int | str) -> Row:
    """A row by its number (1 to 15) or its name.

    Raises:
        ConfigError: there is none.
    """
    for each in rows():
        if which in (each.number, each.name):
            return each
    names = [each.name for each in rows()]
    raise ConfigError(f"Table 3 has no row {which!r} among 1 to {len(names)}{suggestion(str(which), names)}")


def variant(base: CausalAffectConfig, which: int | str) -> CausalAffectConfig:
    """The config with the parts of a row, and everything else as it was.

    Raises:
        ConfigError: there is no such row.
    """
    return dataclasses.replace(base, parts=row(which).parts)
