"""`--fail-on`: an audit as a gate."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from jaxface.core.errors import ConfigError

if TYPE_CHECKING:
    from jaxface.report import ScoreRow

MEASURES = {"score": "score", "significant": "share"}
"""What can be limited, and the field of a row that holds it."""


class Limit(NamedTuple):
    """A measure that no classifier and expression may exceed."""

    measure: str
    value: float


def parse(text: str) -> Limit:
    """`score>0.01` as a limit.

    Raises:
        ConfigError: it is none.
    """
    match = re.fullmatch(r"\s*([a-z]+)\s*>\s*([-+.0-9eE]+)\s*", text)
    try:
        if match is None or match[1] not in MEASURES:
            raise ValueError
        return Limit(match[1], float(match[2]))
    except ValueError:
        wanted = " or ".join(f"{name}>NUMBER" for name in MEASURES)
        raise ConfigError(f"--fail-on {text!r} is no limit; wanted {wanted}") from None


def check_limits(limits: Sequence[Limit], rows: Sequence[ScoreRow]) -> int:
    """1 when a limit is exceeded, which stderr tells, or nothing could be measured; else 0."""
    known = [row for row in rows if row.known]
    if not known:
        print("jaxface: gate: no classifier and expression has a score", file=sys.stderr)
        return 1
    failed = 0
    for limit in limits:
        for row in known:
            value = getattr(row, MEASURES[limit.measure])
            if value > limit.value:
                failed = 1
                where = f"{row.classifier}, {row.expression}"
                print(f"jaxface: gate: {where}: {limit.measure} {value:.4g} > {limit.value:g}", file=sys.stderr)
    return failed
