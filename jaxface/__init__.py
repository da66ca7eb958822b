"""jaxface: if only the symmetry of the face changes, how does an expression classifier's answer change?

The rooms are imported when first touched, so that `import jaxface` starts no JAX backend:
`face` builds heads, `interventions` change them, `render` draws them, `classify` asks, `search` finds
expressions, `audit` runs the grid, `stats` tests it, `report` shows it; `frameworks` train networks on what
`data` reads and draws; `photos` finds faces in photographs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxface import (
        audit,
        classify,
        data,
        face,
        frameworks,
        interventions,
        photos,
        render,
        report,
        search,
        stats,
    )
    from jaxface.core.runtime import enable_compile_cache

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "audit",
    "classify",
    "data",
    "enable_compile_cache",
    "face",
    "frameworks",
    "interventions",
    "photos",
    "render",
    "report",
    "search",
    "stats",
]


def __getattr__(name: str) -> Any:
    if name == "enable_compile_cache":
        return importlib.import_module("jaxface.core.runtime").enable_compile_cache
    if name in __all__:
        return importlib.import_module(f"jaxface.{name}")
    raise AttributeError(f"module 'jaxface' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
