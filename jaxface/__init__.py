"""jaxface: if only the symmetry of the face changes, how does an expression classifier's answer change?

The rooms are imported when first touched, so that `import jaxface` starts no JAX backend:
`face` builds heads, `interventions` change them, `render` draws them, `classify` asks, `search` finds
expressions, `audit` runs the grid, `stats` tests it, `report` shows it; `frameworks` train networks on what
`data` reads and draws; `photos` finds faces in photographs.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
