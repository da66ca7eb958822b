"""What networks are trained on: data sets as their publishers lay them out, and rendered ones; batches of them.

`Dataset` is what everything becomes; `open` reads one, `joined` makes one of several, `batches` streams it,
`augment` varies images on the device, `rendered` makes faces on the fly or on disk.
"""

from jaxface.data import rendered
from jaxface.data.augmentation import AugmentConfig, augment, augment_points
from jaxface.data.dataset import Dataset
from jaxface.data.joining import MixtureStream, concat
from jaxface.data.pipeline import Stream, batches
from jaxface.data.read_report import LeftOut, ReadReport
from jaxface.data.registry import names, open
from jaxface.data.sources import ArraySource, FileSource

__all__ = [
    "ArraySource",
    "AugmentConfig",
    "Dataset",
    "FileSource",
    "LeftOut",
    "MixtureStream",
    "ReadReport",
    "Stream",
    "augment",
    "augment_points",
    "batches",
    "concat",
    "names",
    "open",
    "rendered",
]
