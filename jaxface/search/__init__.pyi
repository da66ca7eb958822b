from .config import SearchConfig
from .result import SearchResult, Status
from .search import Searcher, build, maximise

__all__ = [
    "SearchConfig",
    "SearchResult",
    "Searcher",
    "Status",
    "build",
    "maximise",
]
