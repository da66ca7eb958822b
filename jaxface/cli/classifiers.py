"""`jaxface classifiers`: which classifiers are known, and what their cards say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

import jaxface as jf
from jaxface.cli import options
from jaxface.core.errors import ConfigError


@dataclass(frozen=True)
class Classifiers:
    """List the classifiers that are known, or show the card of some: labels, input, licence, source, hash."""

    action: tyro.conf.Positional[Literal["list", "show"]] = "list"
    """What to do."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names or folders to show."""

    checkpoint: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Weights of the classifier that is shown, where it brings none."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    command = options.parse_flags(Classifiers(), "classifiers", argv)
    if command.action == "list":
        if command.names:
            raise ConfigError(f"list takes no name; to see one: jaxface classifiers show {command.names[0]}")
        print("\n".join(jf.classify.names()))
        return 0
    if not command.names:
        raise ConfigError(f"show wants a name: {', '.join(jf.classify.names())}")
    for name in command.names:
        print(card_text(jf.classify.load(name, checkpoint=command.checkpoint).card))
    return 0


def card_text(card: jf.classify.Card) -> str:
    """A card, one field a line."""
    values = {field.name: getattr(card, field.name) for field in dataclasses.fields(card)}
    width = max(map(len, values)) + 2
    return "\n".join(f"{name:{width}}{plain(value)}" for name, value in values.items()) + "\n"


def plain(value: object) -> str:
    """A value as a person writes it."""
    return ", ".join(map(plain, value)) if isinstance(value, tuple | list) else str(value)
