"""Mending: fine-tune a classifier until its answers depend less on what an intervention changes.

`ground` renders the faces that are trained on, `losses` says what is minimized, `student` which weights move,
`training` trains, `measures` says what it cost, and `runner` does it all and ends in an audit of other people.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
