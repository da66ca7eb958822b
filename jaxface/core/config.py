"""Configuration: frozen dataclasses, read from TOML and written back.

One dataclass is the Python argument, the TOML schema and (through tyro, in `cli`) the list of flags.
Precedence: defaults < TOML < flags.
"""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from jaxface.core import files
from jaxface.core.checks import require_name
from jaxface.core.errors import ConfigError, LabelError, suggestion

T = TypeVar("T")


def load_toml(cls: type[T], path: str | Path) -> T:
    """Load the dataclass `cls` from a TOML file; keys that the file leaves out keep their defaults.

    Raises:
        ConfigError: no such file, not TOML or beyond the limits of `files.read_toml`, an unknown key (with a
            suggestion) or a value of a wrong type.
    """
    table = files.read_toml(path, ConfigError, what="config file")
    try:
        return from_dict(cls, table)
    except (ConfigError, LabelError) as error:
        raise ConfigError(f"{path}: {error}") from None


def from_dict(cls: type[T], table: dict[str, Any], *, where: str = "") -> T:
    """Build the dataclass `cls` from a nested dictionary; keys that `cls` does not have are errors."""
    hints = typing.get_type_hints(cls)  # constraints of `Annotated` are for `checks.check`
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in names:
            raise ConfigError(f"unknown key {where + key!r}{suggestion(name, names)}")
        values[name] = _convert(hints[name], value, where + key)
    missing = [
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"missing {', '.join(repr(where + name) for name in missing)}")
    try:
        return cls(**values)
    except TypeError as error:
        raise ConfigError(f"{where or 'config'}: {error}") from None


def to_dict(config: Any) -> dict[str, Any]:
    """Return the nested dictionary of a config, without None, which TOML does not have."""
    out = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            value = to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Path):
            value = str(value)
        if value is not None:
            out[field.name] = value
    return out


def dump_toml(config: Any) -> str:
    """Return the config as TOML text, which `load_toml` reads back to an equal object."""
    return tomli_w.dumps(to_dict(config))


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(hint, value, where)
    if origin is typing.Literal:
        require_name(where, value, typing.get_args(hint))
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} = {value!r}: must be a list")
        kinds = typing.get_args(hint)
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        if len(kinds) != len(value):
            raise ConfigError(f"{where} = {value!r}: must have {len(kinds)} values")
        return tuple(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} = {value!r}: must be a table [{where}]")
        kind = typing.get_args(hint)[1]
        return {key: _convert(kind, item, f"{where}.{key}") for key, item in _dotted(value).items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} = {value!r}: must be a table [{where}]")
        return from_dict(typing.cast(type, hint), value, where=where + ".")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, bool) and hint is not bool:
        raise ConfigError(f"{where} = {value!r}: must be {hint.__name__}")
    if isinstance(hint, type) and not isinstance(value, hint):
        raise ConfigError(f"{where} = {value!r}: must be {hint.__name__}")
    return value


def _dotted(table: dict[str, Any]) -> dict[str, Any]:
    """Return a nested table as one with dots in its keys, as TOML writes them."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        inner = _dotted(value) if isinstance(value, dict) else {"": value}
        flat |= {f"{key}.{name}" if name else str(key): item for name, item in inner.items()}
    return flat


def _convert_union(hint: Any, value: Any, where: str) -> Any:
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    if value is None:
        return None
    errors = []
    for kind in kinds:
        try:
            return _convert(kind, value, where)
        except ConfigError as error:
            errors.append(str(error))
    raise ConfigError(errors[0])
