"""The vote of several tests of independence."""

from collections.abc import Mapping
from typing import NamedTuple

import jax

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.stats.independence.common import IndependenceResult, Values
from jaxface.stats.independence.registry import TESTS, VOTERS


class MajorityResult(NamedTuple):
    """What the tests say together.

    Attributes:
        dependent: more than half of them reject independence, p <= alpha.
        results: the answer of each by its name.
    """

    dependent: bool
    results: Mapping[str, IndependenceResult]


def majority(
    x: Values,
    y: Values,
    z: Values | None,
    key: Array,
    alpha: float = 0.01,
    tests: tuple[str, ...] = VOTERS,
) -> MajorityResult:
    """Whether most tests reject that X is independent of Y given Z (Facing Asymmetry, C.2).

    Args:
        x, y, z: as `chsic`.
        key: split among the tests in their order.
        alpha: level of each test.
        tests: names in `TESTS`.

    Raises:
        ShapeError: see `common.samples`.
        ConfigError: an unknown or no test, or alpha outside (0, 1).
    """
    unknown = [name for name in tests if name not in TESTS]
    if unknown or not tests or not 0 < alpha < 1:
        raise ConfigError(f"wanted tests among {sorted(TESTS)} and 0 < alpha < 1, got {tests} and {alpha}")
    keys = jax.random.split(key, len(tests))
    results = {name: TESTS[name](x, y, z, k) for name, k in zip(tests, keys, strict=True)}
    rejections = sum(result.p_value <= alpha for result in results.values())
    return MajorityResult(2 * rejections > len(tests), results)
