"""Pictures of one person of a survey at every level of an intervention, with the answers to them."""

from dataclasses import dataclass

import jax
import numpy as np

from jaxface import audit
from jaxface.audit import AuditResult
from jaxface.audit.surfaces import SurfaceRenderer
from jaxface.core.clock import Clock
from jaxface.core.errors import JaxfaceError
from jaxface.core.sharding import all_devices
from jaxface.report import image_encoding


@dataclass(frozen=True)
class Strip:
    """One face at the levels of an intervention.

    Attributes:
        sheet: data URI of the faces side by side.
        levels: as text.
        answers: of the classifier for the expression at each level, as text.
        unchanged: position of the unchanged level.
        caption: who is asked what.
    """

    sheet: str
    levels: tuple[str, ...]
    answers: tuple[str, ...]
    unchanged: int
    caption: str


def strip(result: AuditResult, classifier: str, expression: str) -> Strip | None:
    """Return the strip of the first person who shows the expression; None where none can be rendered."""
    record = result.intervention
    surface = result.surfaces.sel(classifier=classifier, expression=expression)
    answers = surface.isel({record.axes[1].name: -1}).transpose("identity", record.axes[0].name).values
    people = np.flatnonzero(answers[:, record.unchanged_dose] >= result.config.reached_probability)
    if not len(people):
        return None
    identity = int(people[0])
    try:
        inputs = result.inputs or audit.load_inputs(result.config)
    except JaxfaceError:  # an object, or a file that is gone
        return None
    params = result.face_params(identity, expression, classifier)
    batch = jax.tree.map(lambda leaf: np.asarray(leaf)[None, None], params)
    pictures = SurfaceRenderer(inputs, all_devices(1), Clock()).doses(batch)
    sheet = np.concatenate(np.round(255 * np.clip(pictures, 0, 1)).astype(np.uint8), axis=1)
    return Strip(
        sheet=image_encoding.uri(image_encoding.webp(sheet, 80), "webp"),
        levels=tuple(f"{level:.3g}" for level in record.axes[0].levels),
        answers=tuple(f"{100 * answer:.0f} %" for answer in answers[identity]),
        unchanged=record.unchanged_dose,
        caption=f"{expression}, as {classifier} reads it",
    )
