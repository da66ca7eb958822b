"""Format numbers for readers."""

import math
from collections.abc import Sequence


def signed(value: float) -> str:
    """Format a score: sign and four decimals."""
    return "–" if math.isnan(value) else f"{value:+.4f}".replace("-", "−")


def p_value(value: float) -> str:
    """Format a p-value: two significant digits."""
    return "–" if math.isnan(value) else f"{value:.2g}"


def fixed(value: float) -> str:
    """Format a probability: two decimals."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def percent(share: float) -> str:
    """Format a share in per cent, without decimals."""
    return "–" if math.isnan(share) else f"{100 * share:.0f} %"


def points(change: float) -> str:
    """Format a change of a probability in percentage points, with its sign."""
    if math.isnan(change):
        return "–"
    value = 100 * change
    digits = 0 if abs(value) >= 9.95 else 1
    return f"{value:+.{digits}f}".replace("-", "−")


def plural(count: int, one: str, many: str = "") -> str:
    """Format a count with its noun: `1 person`, `2 people`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def capitalized(text: str) -> str:
    """Return text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def listing(parts: Sequence[str]) -> str:
    """Return parts as a list in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
