"""Audits: do the answers of classifiers depend on one thing about a face?

Four rooms: `inputs` loads what a config names, `evaluation` turns work items into outputs, `store` keeps them,
and `statistics` makes the summary that every report formats; `runner` calls them in this order. `surveys` runs
several interventions, one audit each, and `contrasts` sets their effects side by side.

The config is imported at once, the rest when it is first used: a command line that only needs its flags does
not wait for xarray and zarr.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
