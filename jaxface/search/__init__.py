"""Search: the expression parameters that a classifier is surest of (Facing Asymmetry, Eq. 4)."""

from jaxface.search.config import SearchConfig
from jaxface.search.result import SearchResult, Status
from jaxface.search.search import Searcher, build, maximise

__all__ = ["SearchConfig", "SearchResult", "Searcher", "Status", "build", "maximise"]
