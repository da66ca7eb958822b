from . import (
    audit,
    classify,
    data,
    face,
    frameworks,
    interventions,
    mending,
    photos,
    render,
    report,
    search,
    stats,
)
from .core.runtime import enable_compile_cache

__version__: str

__all__ = [
    "audit",
    "classify",
    "data",
    "enable_compile_cache",
    "face",
    "frameworks",
    "interventions",
    "mending",
    "photos",
    "render",
    "report",
    "search",
    "stats",
]
