"""The faces whose answer a mending changed."""

from dataclasses import dataclass

import numpy as np

from jaxface.classify.probability import probabilities_float64
from jaxface.mending.measures import Probe
from jaxface.mending.panels import ProbeLogits


@dataclass(frozen=True)
class ChangedAnswer:
    """One face that got another top answer than before.

    Attributes:
        picture: (size, size, 3) uint8.
        intervention: whose far end it shows; "" = unchanged.
        expression: what the face shows.
        before, after: top answers, and their probabilities in [0, 1].
    """

    picture: np.ndarray
    intervention: str
    expression: str
    before: tuple[str, float]
    after: tuple[str, float]

    @property
    def is_repaired(self) -> bool:
        """Whether the answer was wrong and is right now."""
        return self.before[0] != self.expression == self.after[0]

    @property
    def is_lost(self) -> bool:
        """Whether the answer was right and is wrong now."""
        return self.before[0] == self.expression != self.after[0]


def changed_answers(
    probe: Probe, before: ProbeLogits, after: ProbeLogits, classes: tuple[str, ...]
) -> tuple[ChangedAnswer, ...]:
    """Return all faces of a probe with another top answer: the unchanged ones, then those at the ends."""
    rows = [("", probe.images, before.plain, after.plain)]
    for name, images in probe.ends.items():
        ends = zip(images, before.ends[name], after.ends[name], strict=True)
        rows += [(name, *end) for end in ends]
    result = []
    for name, images, old, new in rows:
        old_probability, new_probability = _softmax(old), _softmax(new)
        for index in np.flatnonzero(old.argmax(-1) != new.argmax(-1)):
            tops = [
                (classes[each[index].argmax()], float(each[index].max()))
                for each in (old_probability, new_probability)
            ]
            result.append(ChangedAnswer(images[index], name, classes[probe.label[index]], *tops))
    return tuple(result)


def _softmax(logits: np.ndarray) -> np.ndarray:
    return probabilities_float64(logits, multilabel=False)
