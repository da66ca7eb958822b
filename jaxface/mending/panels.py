"""All that a network is measured on: held-out people of one head or two, and the user's data."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from jaxface.classify import Classifier
from jaxface.data import Dataset
from jaxface.frameworks.common.networks import evaluate_classifier
from jaxface.mending.measures import Probe, Utility, agreement, bias, logits_of, utility


@dataclass(frozen=True)
class Measurement:
    """A network on held-out people, and on the user's data.

    Attributes:
        utility: on unchanged faces.
        bias: by intervention: mean change of the target's probability at the far end, without its sign.
        data: `accuracy`, `agreement` and `calibration_error` on the user's data; {} without.
        test_head: the same on the second head; None without.
    """

    utility: Utility
    bias: Mapping[str, float]
    data: Mapping[str, float] = field(default_factory=dict)
    test_head: "Measurement | None" = None

    def row(self) -> dict[str, float]:
        """Return all numbers by name."""
        rows = {
            **self.utility._asdict(),
            **{f"bias {name}": value for name, value in self.bias.items()},
            **{f"data {name}": value for name, value in self.data.items()},
        }
        if self.test_head is not None:
            rows |= {f"test head {name}": value for name, value in self.test_head.row().items()}
        return rows


@dataclass(frozen=True)
class Panel:
    """What a network is measured on: faces of the head, and where there are any of a second one, and data."""

    probe: Probe
    test_probe: Probe | None = None
    dataset: Dataset | None = None


class ProbeLogits(NamedTuple):
    """Logits (N, K) of the unchanged faces of a probe, and (L, N, K) of the ends by intervention."""

    plain: np.ndarray
    ends: Mapping[str, np.ndarray]


class PanelLogits(NamedTuple):
    """Logits of the pictures of a panel; None where it has none of a kind."""

    probe: ProbeLogits
    test_probe: ProbeLogits | None
    dataset: np.ndarray | None


def measure(
    classifier: Classifier, panel: Panel, original: PanelLogits | None = None
) -> tuple[Measurement, PanelLogits]:
    """Return all measures of a network, and its logits.

    Args:
        original: the original's logits; None = this is the original.

    Raises:
        FunctionError: an answer is NaN or infinite.
        DataError: the data set has none of the classifier's classes.
    """
    probe, test_probe, dataset = (None, None, None) if original is None else original
    result, logits = _measure_probe(classifier, panel.probe, probe)
    test_head = test_logits = data_logits = None
    if panel.test_probe is not None:
        test_head, test_logits = _measure_probe(classifier, panel.test_probe, test_probe)
    on_data = {}
    if panel.dataset is not None:
        values, data_logits = evaluate_classifier(classifier, panel.dataset)
        on_data = {
            "accuracy": float(values["accuracy"]),
            "agreement": agreement(data_logits, data_logits if dataset is None else dataset),
            "calibration_error": float(values["calibration_error"]),
        }
    measurement = dataclasses.replace(result, data=on_data, test_head=test_head)
    return measurement, PanelLogits(logits, test_logits, data_logits)


def _measure_probe(
    classifier: Classifier, probe: Probe, original: ProbeLogits | None
) -> tuple[Measurement, ProbeLogits]:
    plain, rows = logits_of(classifier, probe.images), ~probe.is_neutral
    ends = {
        name: np.stack([logits_of(classifier, each) for each in images]) for name, images in probe.ends.items()
    }
    biases = {name: bias(plain[rows], each[:, rows], probe.label[rows]) for name, each in ends.items()}
    reference = plain if original is None else original.plain
    return Measurement(utility(plain, reference, probe.label), biases), ProbeLogits(plain, ends)
