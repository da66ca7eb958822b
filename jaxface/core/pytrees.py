"""Frozen dataclasses that JAX can carry through `jit`, `vmap` and `grad`; the content of a pytree."""

import dataclasses
import hashlib
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np

T = TypeVar("T")

_LONGEST = 80  # letters of one field


def static(**options: Any) -> Any:
    """A dataclass field that is part of the structure: hashable, fixed under `jit`, never traced."""
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
def pytree(cls: type[T]) -> type[T]:
    """Decorator: a frozen dataclass registered as a JAX pytree; `static()` fields are its structure."""
    if "__repr__" not in vars(cls):
        cls.__repr__ = describe  # type: ignore[method-assign]
    data_class = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(data_class)  # type: ignore[arg-type]
    return jax.tree_util.register_dataclass(
        data_class,
        data_fields=[field.name for field in fields if not field.metadata.get("static")],
        meta_fields=[field.name for field in fields if field.metadata.get("static")],
    )


def describe(tree: Any) -> str:
    """Return a dataclass as text, arrays by type and shape: `FaceParams(identity=float32[40], ...)`."""
    fields = dataclasses.fields(tree)
    return (
        f"{type(tree).__name__}({', '.join(f'{one.name}={_short(getattr(tree, one.name))}' for one in fields)})"
    )


def _short(value: Any) -> str:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}{list(value.shape)}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def array_hash(tree: Any) -> str:
    """Return the SHA-256 over the arrays of a pytree, their types and shapes."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
