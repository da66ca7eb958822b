"""The people of an audit that are not sampled: from a file, or given as `FaceParams`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.audit.config import AuditConfig, PeopleLike
from jaxface.audit.people_codes import CodeTable
from jaxface.audit.people_files import read_people
from jaxface.core.errors import ConfigError
from jaxface.core.pytrees import array_hash
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.appearance import albedo_size
from jaxface.face.population import neutral


@dataclass(frozen=True)
class People:
    """n people of one head.

    Attributes:
        identity, albedo: (n, I) and (n, A) float32.
        groups: distinct names, such as "female"; `group` (n,) positions among them.
        names: of the n people; None where nobody has named them.
        note: what was read, in words.
    """

    identity: np.ndarray
    albedo: np.ndarray
    groups: tuple[str, ...]
    group: np.ndarray
    names: tuple[str, ...] | None
    note: str

    def __len__(self) -> int:
        return len(self.identity)

    def person(self, head: FaceModel, number: int) -> tuple[FaceParams, Array]:
        """Return one neutral face, and the position of its group."""
        base = neutral(head)
        face = FaceParams(self.identity[number], base.expression, base.pose, self.albedo[number])
        return face, self.group[number]

    def attributes(self) -> dict[str, Any]:
        """Return what a run's store says of them, JSON-ready."""
        digest = array_hash((self.identity, self.albedo))
        return {"note": self.note, "sha256": digest, "names": list(self.names or ())}


def count_people(config: AuditConfig) -> int:
    """Return the number of people of an audit, without a head.

    Raises:
        ConfigError: as `load_people`.
    """
    if config.people is None:
        return config.identities
    return len(_selection(config, len(_table(config.people))))


def load_people(config: AuditConfig, head: FaceModel) -> People | None:
    """Return the people that a config names or holds, as many as it asks for; None if it samples them.

    Raises:
        ConfigError: they cannot be read, or do not fit the head.
    """
    if config.people is None:
        return None
    table = _table(config.people)
    rows = _selection(config, len(table))
    identity, albedo = _split(table, head)
    _check_width("identity", identity, head.identity_basis.shape[-1], head, table.note)
    note = table.note
    size = albedo_size(head.appearance)
    if albedo is None:
        albedo = np.tile(np.asarray(neutral(head).albedo, np.float32), (len(identity), 1))
        note += "; no albedo: the mean of the head's population" if size else ""
    _check_width("albedo", albedo, size, head, table.note)
    labels = table.groups or ("given",) * len(table)
    groups = tuple(dict.fromkeys(labels[row] for row in rows))
    if len(rows) < len(table):
        note += f"; {len(rows)} of them audited"
    return People(
        identity=identity[rows],
        albedo=albedo[rows],
        groups=groups,
        group=np.array([groups.index(labels[row]) for row in rows]),
        names=None if table.names is None else tuple(table.names[row] for row in rows),
        note=note,
    )


def _table(people: PeopleLike) -> CodeTable:
    if isinstance(people, FaceParams):
        return _table_of_params(people)
    return read_people(Path(people))


def _table_of_params(params: FaceParams) -> CodeTable:
    identity, albedo, pose = (np.asarray(getattr(params, name)) for name in ("identity", "albedo", "pose"))
    if identity.ndim != 2 or albedo.ndim != 2 or len(identity) != len(albedo) or not len(identity):
        raise ConfigError(
            f"people: identity {identity.shape} and albedo {albedo.shape} must have a leading axis of people"
        )
    if np.any(pose != 0):
        raise ConfigError("people: an audit shows the neutral pose; set the pose of FaceParams to zero")
    if not (np.isfinite(identity).all() and np.isfinite(albedo).all()):
        raise ConfigError("people: FaceParams hold values that are not finite")
    note = f"FaceParams: {len(identity)} people, identity {identity.shape}, albedo {albedo.shape}"
    return CodeTable(note, identity.astype(np.float32), albedo.astype(np.float32))


def _selection(config: AuditConfig, count: int) -> Sequence[int]:
    rows = config.people_rows or range(count)
    for row in rows:
        if row >= count:
            raise ConfigError(f"people_rows holds {row}: there are {count} people, counted from 0")
    return list(rows[: config.identities])


def _split(table: CodeTable, head: FaceModel) -> tuple[np.ndarray, np.ndarray | None]:
    if table.codes is None:
        assert table.identity is not None
        return table.identity, table.albedo
    size, width = head.identity_basis.shape[-1], table.codes.shape[1]
    if width in (size, size + albedo_size(head.appearance)):
        return table.codes[:, :size], table.codes[:, size:] if width > size else None
    raise ConfigError(
        f"people: {table.note}; head {head.name!r} takes {size} identity coefficients, alone or followed by "
        f"{albedo_size(head.appearance)} of albedo"
    )


def _check_width(name: str, codes: np.ndarray, size: int, head: FaceModel, note: str) -> None:
    if codes.shape[1] == size:
        return
    option = "identity_components" if name == "identity" else "texture_components"
    remedy = f"set {option} = {codes.shape[1]} if the head is theirs"
    if not size:
        remedy = "name the head's texture, or leave the codes out"
    raise ConfigError(
        f"people: {note}; head {head.name!r} takes {size} {name} coefficients, not {codes.shape[1]}: {remedy}"
    )
