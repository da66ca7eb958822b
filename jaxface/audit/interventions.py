"""What is done to a face: one side's expression is scaled, and the whole expression unfolds in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxface.face.sides import Side

PROBE_LEVELS = (0.0, 0.5, 1.0)
"""Degrees of symmetry at which the answer at the full expression is kept whole (Facing Asymmetry, Table 4)."""


@dataclass(frozen=True)
class Intervention:
    """do(symmetry = s, time = t) on one side of the face, for every pair of steps (Facing Asymmetry, Eq. 3).

    Attributes:
        side: whose expression is scaled, the subject's own left or right.
        symmetry_steps: S equidistant degrees in [0, 1]; 1 leaves the face untouched.
        time_steps: T equidistant steps in [0, 1]; 0 is neutral at every symmetry.
    """

    side: Side
    symmetry_steps: int
    time_steps: int

    @property
    def symmetry(self) -> np.ndarray:
        """(S,) float32."""
        return np.linspace(0, 1, self.symmetry_steps, dtype=np.float32)

    @property
    def time(self) -> np.ndarray:
        """(T,) float32."""
        return np.linspace(0, 1, self.time_steps, dtype=np.float32)
