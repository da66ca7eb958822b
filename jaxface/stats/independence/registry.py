"""Tests of conditional independence by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from jaxface.core.registry import Registry

if TYPE_CHECKING:
    from jaxface.stats.independence.common import IndependenceResult

TESTS: Registry[Callable[..., "IndependenceResult"]] = Registry(
    "jaxface.stats.independence",
    {
        "chsic": ("_chsic:chsic", "covariance in a Hilbert space, given Z"),
        "cmiknn": ("_cmiknn:cmiknn", "mutual information of nearest neighbours"),
        "fcit": (
            "_fcit:fcit",
            "whether X helps trees on Z to predict Y",
        ),
        "kci": ("_kci:kci", "kernels of the residuals on Z"),
    },
)
VOTERS = ("chsic", "cmiknn", "fcit")

Form = Literal["hilbert-schmidt", "normalised", "residuals"]
"""Statistic of the test chsic."""
