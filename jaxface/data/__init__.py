"""What networks are trained on: data sets as their publishers lay them out, and rendered ones; batches of them.

`Dataset` is what everything becomes; `open` reads one, `batches` streams it, `augment` varies images on the
device, `rendered` makes faces on the fly or on disk.
"""

from jaxface.data import rendered
from jaxface.data.augment import AugmentConfig, augment, augment_points
from jaxface.data.dataset import Dataset
from jaxface.data.pipeline import Stream, batches
from jaxface.data.registry import names, open
from jaxface.data.report import LeftOut, Report
from jaxface.data.sources import Arrays, Files

__all__ = [
    "Arrays",
    "AugmentConfig",
    "Dataset",
    "Files",
    "LeftOut",
    "Report",
    "Stream",
    "augment",
    "augment_points",
    "batches",
    "names",
    "open",
    "rendered",
]
