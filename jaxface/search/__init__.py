"""Search: the expression parameters that a classifier is surest of (Facing Asymmetry, Eq. 4)."""

from jaxface.search.config import SearchConfig

__all__ = ["SearchConfig"]
