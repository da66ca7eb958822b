"""Search: the expression that a classifier is most confident of (Facing Asymmetry, Eq. 4)."""

from jaxface.search.config import SearchConfig
from jaxface.search.result import SearchResult, Status
from jaxface.search.search import Searcher, build, maximise

__all__ = ["SearchConfig", "SearchResult", "Searcher", "Status", "build", "maximise"]
