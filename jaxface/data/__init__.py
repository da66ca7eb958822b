"""What networks are trained on: data sets as their publishers lay them out, and rendered ones; batches of them.

`Dataset` is what everything becomes; `open` reads one, `joined` makes one of several, `batches` streams it,
`augment` varies images on the device, `rendered` makes faces on the fly or on disk.
"""

from jaxface.data import rendered
from jaxface.data.augmentation import AugmentConfig, augment, augment_points
from jaxface.data.dataset import Dataset
from jaxface.data.joining import Mixture, joined
from jaxface.data.pipeline import Stream, batches
from jaxface.data.read_report import LeftOut, Report
from jaxface.data.registry import names, open
from jaxface.data.sources import Arrays, Files

__all__ = [
    "Arrays",
    "AugmentConfig",
    "Dataset",
    "Files",
    "LeftOut",
    "Mixture",
    "Report",
    "Stream",
    "augment",
    "augment_points",
    "batches",
    "joined",
    "names",
    "open",
    "rendered",
]
