"""One validator for every config: constraints stand in the annotations, `check` applies them.

    @dataclass(frozen=True)
    class TrainConfig(Checked, table="train"):  # ConfigError: train.steps = 0: must be at least 1
        steps: Annotated[int, Ge(1)] = 1000
        dtype: Literal["float32", "bfloat16"] = "float32"
        scheme: Annotated[str, OneOf(SCHEMES)] = "per-time"

Checks that span several fields follow `super().__post_init__()`, with `require`.
"""

import math
import types
import typing
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from annotated_types import Ge, Gt, Interval, Le, Lt, MinLen

from jaxface.core.errors import ConfigError, suggestion

__all__ = ["Checked", "Ge", "Gt", "Interval", "Le", "Lt", "MinLen", "OneOf", "check", "require", "require_name"]


@dataclass(frozen=True, eq=False)
class OneOf:
    """The value is one of these names: a registry, or any other collection that may still grow."""

    names: Collection[str]


class Checked:
    """Base of a config whose fields are checked when it is made; `table` is where it stands in a file."""

    _table: ClassVar[str] = ""

    def __init_subclass__(cls, table: str | None = None) -> None:
        super().__init_subclass__()
        if table is not None:
            cls._table = table

    def __post_init__(self) -> None:
        check(self, self._table)


def check(config: Any, prefix: str = "") -> None:
    """Check every field of a dataclass against its annotation; tuples are checked item by item.

    Args:
        config: an instance of a dataclass.
        prefix: the table that the config is in a file, such as "train"; "" at the top.

    Raises:
        ConfigError: the first field that breaks a constraint, with its value and the rule.
    """
    for name, hint in _hints(type(config)).items():
        _check(hint, getattr(config, name), f"{prefix}.{name}" if prefix else name)


def require(condition: bool, name: str, value: Any, rule: str) -> None:
    """Raise ConfigError "name = value: must be RULE" unless the condition holds."""
    if not condition:
        raise ConfigError(f"{name} = {value!r}: must be {rule}")


def require_name(name: str, value: Any, names: Collection[Any]) -> None:
    """Raise ConfigError "name = value, did you mean ...?" unless the value is one of the names."""
    if value not in names:
        raise ConfigError(f"{name} = {value!r}{suggestion(str(value), map(str, names))}")


def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: hints[name] for name in getattr(cls, "__dataclass_fields__", {}) if name in hints}


def _check(hint: Any, value: Any, where: str) -> None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        for constraint in arguments[1:]:
            _constrain(constraint, value, where)
        _check(arguments[0], value, where)
    elif origin in (typing.Union, types.UnionType):
        # None is the only alternative with nothing to check; a value may satisfy any of the others.
        alternatives = [kind for kind in arguments if kind is not type(None)]
        if value is not None and len(alternatives) == 1:
            _check(alternatives[0], value, where)
    elif origin is typing.Literal:
        require_name(where, value, arguments)
    elif origin is tuple and isinstance(value, tuple):
        kinds = (arguments[0],) * len(value) if arguments[-1] is Ellipsis else arguments
        for kind, item in zip(kinds, value, strict=False):
            _check(kind, item, where)


def _constrain(constraint: Any, value: Any, where: str) -> None:
    if value is None:
        return
    if isinstance(constraint, OneOf):
        require_name(where, value, constraint.names)
        return
    if isinstance(constraint, MinLen):
        require(len(value) >= constraint.min_length, where, value, f"at least {constraint.min_length} long")
        return
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        passes, rule = _bounds(constraint, number)
        # NaN fails every comparison; infinity is no setting either.
        require(passes and _is_setting(number), where, value, rule)


def _is_setting(number: float) -> bool:
    """Return whether a number is one: neither NaN nor infinity is, nor what exceeds 64 bits."""
    return abs(number) < 2**63 if isinstance(number, int) else math.isfinite(number)


def _bounds(constraint: Any, number: float) -> tuple[bool, str]:
    """Whether a number is within the bounds of a constraint, and their rule in words."""
    ge, gt, le, lt = (getattr(constraint, name, None) for name in ("ge", "gt", "le", "lt"))
    passes = (
        (ge is None or number >= ge)
        and (gt is None or number > gt)
        and (le is None or number <= le)
        and (lt is None or number < lt)
    )
    low, high = _text(ge if gt is None else gt), _text(le if lt is None else lt)
    if low and high:
        return passes, f"in {'[' if gt is None else '('}{low}, {high}{']' if lt is None else ')'}"
    if low:
        return passes, f"{'at least' if gt is None else 'more than'} {low}"
    return passes, f"{'at most' if lt is None else 'less than'} {high}"


def _text(bound: float | None) -> str:
    """Return a bound in words: 1.0 as "1", since `typing` takes Interval(lt=1.0) and Interval(lt=1) for one."""
    if bound is None:
        return ""
    return str(int(bound)) if bound == int(bound) else str(bound)
