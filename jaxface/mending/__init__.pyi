from .config import MendConfig
from .ground import Ground
from .losses import Answers
from .measures import Probe, Utility
from .registry import METHODS
from .result import Candidate, Measurement, MendResult
from .runner import mend

__all__ = [
    "METHODS",
    "Answers",
    "Candidate",
    "Ground",
    "Measurement",
    "MendConfig",
    "MendResult",
    "Probe",
    "Utility",
    "mend",
]
