"""Every constraint, with the words a user reads."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from jaxface.core.checks import Ge, Gt, Interval, Lt, MinLen, OneOf, check
from jaxface.core.config import from_dict
from jaxface.core.errors import ConfigError

REGISTRY = {"slope": 1, "whole-row": 2}


@dataclass(frozen=True)
class Config:
    steps: Annotated[int, Ge(1)] = 10
    rate: Annotated[float, Gt(0)] = 0.1
    decay: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    limit: Annotated[float, Lt(5)] | None = None
    weights: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(1)] = (1.0,)
    scheme: Annotated[str, OneOf(REGISTRY)] = "slope"
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        check(self, "train")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("steps", 0, r"train.steps = 0: must be at least 1"),
        ("rate", 0.0, r"train.rate = 0.0: must be more than 0"),
        ("rate", float("nan"), r"train.rate = nan: must be more than 0"),
        ("rate", float("inf"), r"train.rate = inf: must be more than 0"),
        ("decay", 1.0, r"train.decay = 1.0: must be in \[0, 1\)"),
        ("decay", -0.1, r"train.decay = -0.1: must be in \[0, 1\)"),
        ("limit", 5.0, r"train.limit = 5.0: must be less than 5"),
        ("weights", (), r"train.weights = \(\): must be at least 1 long"),
        ("weights", (1.0, -1.0), r"train.weights = -1.0: must be at least 0"),
        ("scheme", "slop", r"train.scheme = 'slop', did you mean 'slope'\?"),
        ("dtype", "bfloat6", r"train.dtype = 'bfloat6', did you mean 'bfloat16'\?"),
    ],
)
def test_a_broken_constraint_names_field_value_and_rule(field: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config(**{field: value})


def test_words_do_not_depend_on_how_a_bound_is_written() -> None:
    @dataclass(frozen=True)
    class Floats:
        share: Annotated[float, Interval(ge=0.0, lt=1.0)] = 2.0

    with pytest.raises(ConfigError, match=r"share = 2.0: must be in \[0, 1\)"):
        check(Floats())


def test_good_values_pass_and_annotations_are_read_from_files() -> None:
    assert Config(limit=4.0, weights=(0.0, 2.0)).weights == (0.0, 2.0)
    assert from_dict(Config, {"steps": 3, "weights": [1, 2]}) == Config(steps=3, weights=(1.0, 2.0))
    with pytest.raises(ConfigError, match="steps = '3': must be int"):
        from_dict(Config, {"steps": "3"})
