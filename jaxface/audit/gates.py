"""Limits that an audit may not exceed: what `jaxface audit --fail-on` checks.

`check([parse("score>0.01")], result.summary)` returns a line for each cell that exceeds the limit.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from jaxface.audit.summary import Summary
from jaxface.core.errors import ConfigError

MEASURES = {"score": "score", "significant": "ratio"}
"""What can be limited, and the field of `CellSummary` that holds it."""


class Limit(NamedTuple):
    """A measure that no classifier and expression may exceed."""

    measure: str
    value: float


def parse(text: str) -> Limit:
    """Return `score>0.01` as a limit.

    Raises:
        ConfigError: it is none.
    """
    match = re.fullmatch(r"\s*([a-z]+)\s*>\s*([-+.0-9eE]+)\s*", text)
    try:
        if match is None or match[1] not in MEASURES:
            raise ValueError
        return Limit(match[1], float(match[2]))
    except ValueError:
        forms = " or ".join(f"{name}>NUMBER" for name in MEASURES)
        raise ConfigError(f"{text!r} is no limit: must be {forms}") from None


def check(limits: Sequence[Limit], summary: Summary) -> list[str]:
    """Return a line for every limit that a classifier and expression exceeds; empty if the audit passes.

    A run without any score fails, too.
    """
    cells = [cell for cell in summary.cells if cell.has_score]
    if not cells:
        return ["no classifier and expression has a score"]
    return [
        f"{cell.classifier}, {cell.expression}: {limit.measure} {value:.4g} > {limit.value:g}"
        for limit in limits
        for cell in cells
        if (value := getattr(cell, MEASURES[limit.measure])) > limit.value
    ]
