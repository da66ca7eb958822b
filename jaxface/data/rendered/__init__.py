"""Rendered training sets: every example is a pure function of (recipe, seed, i).

`rendered_stream` renders batches on the devices, `dataset` into memory, `render_dataset` onto disk.
For examples of your own, write a sampler of one example from `sample_labels` (or
`labels_of(units_to_activations(...))`), `sample_face` and `sample_scene`, and pass it as `sampler`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
