"""Numbers for a reader."""

from __future__ import annotations

import math


def signed(value: float) -> str:
    """A score: sign and four decimals."""
    return "–" if math.isnan(value) else f"{value:+.4f}".replace("-", "−")


def p_value(value: float) -> str:
    """A p-value: two digits that count."""
    return "–" if math.isnan(value) else f"{value:.2g}"


def fixed(value: float) -> str:
    """A probability."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def percent(share: float) -> str:
    """A share."""
    return "–" if math.isnan(share) else f"{100 * share:.0f} %"


def points(change: float) -> str:
    """A change of a probability in percentage points: a loss has a minus."""
    if math.isnan(change):
        return "–"
    lost = -100 * change
    digits = 0 if abs(lost) >= 9.95 else 1
    return f"{lost:+.{digits}f}".replace("-", "−")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 person`, `2 people`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
