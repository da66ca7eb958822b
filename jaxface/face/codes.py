"""Codes of a real face as DECA, EMOCA and SMIRK write them, for a head in FLAME's format.

These tools regress FLAME's coefficients from a photograph. Nobody has agreed on a file, so names are read
liberally (`shape`, `shapecode`, `shape_params` and `betas` are all the shape), and what was read is said.
"""

import dataclasses
import io
import re
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jaxface.core import files, npy_files
from jaxface.core.errors import ConfigError, ModelFileError
from jaxface.core.types import Array
from jaxface.face.appearance import albedo_size
from jaxface.face.loaders import archive, unpickle
from jaxface.face.model import FaceModel, FaceParams
from jaxface.face.population import neutral

_WHAT = "file of codes"
_LARGEST = 2**27  # bytes
_NAMES = {
    "shape": ("shape", "beta", "identity", "id"),
    "expression": ("exp", "expression", "psi", "expr"),
    "pose": ("pose",),
    "global": ("globalpose", "globalorient", "rotation"),
    "jaw": ("jaw", "jawpose"),
    "albedo": ("tex", "texture", "albedo"),
    "camera": ("cam", "camera"),
    "light": ("light", "lighting", "sh"),
}
"""What a code is -> its names as `_plain` leaves them."""

_SUFFIX = re.compile(r"(code|param|parameter|coeff|coefficient)?s?$")


@dataclass(frozen=True)
class Codes:
    """The codes of n photographs.

    Attributes:
        params: fields have a leading axis n. Coefficients that the file does not have are 0; an albedo that it
            does not have, or that is of another texture space, is the mean of the head's population.
        camera: (n, 3) scale and shift of a weak perspective, light: (n, 9, 3) spherical harmonics, as the file
            has them; None where it has none. jaxface places its own camera and light.
        note: what was read, in words.
    """

    params: FaceParams
    camera: np.ndarray | None
    light: np.ndarray | None
    note: str

    @property
    def people(self) -> FaceParams:
        """The people without expression and pose: `AuditConfig(people=codes.people)`."""
        zeros = {name: jnp.zeros_like(getattr(self.params, name)) for name in ("expression", "pose")}
        return dataclasses.replace(self.params, **zeros)


def read_codes(path: str | Path, head: FaceModel) -> Codes:
    """Read the codes that DECA, EMOCA or SMIRK wrote.

    Args:
        path: `.npz`, `.npy` (one table of shape codes), `.mat`, or `.pkl` of a dictionary of arrays.
            Nothing in a pickle is executed.
        head: in FLAME's format. Fewer coefficients than it takes are completed by zeros.

    Raises:
        ConfigError: another format, no shape codes, more coefficients than the head takes, tables of different
            lengths, or numbers that are not finite.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".npy": _read_npy, ".mat": _read_mat, ".pkl": _read_pickle}
    if path.suffix.lower() not in readers:
        raise ConfigError(f"codes: {path} is none of {', '.join(readers)}")
    try:
        arrays = readers[path.suffix.lower()](path)
    except ModelFileError as error:
        raise ConfigError(f"codes: {error}") from None
    return _of_arrays(path, arrays, head)


def _of_arrays(path: Path, arrays: dict[str, np.ndarray], head: FaceModel) -> Codes:
    tables: dict[str, np.ndarray] = {}
    origin: dict[str, str] = {}
    for key, array in arrays.items():
        kind = next((kind for kind, names in _NAMES.items() if _plain(key) in names), None)
        if kind is None or array.dtype.kind not in "fiu":
            continue
        if kind in tables:
            raise ConfigError(f"codes: {path} has both {origin[kind]!r} and {key!r}; leave one of them out")
        tables[kind], origin[kind] = _table(path, key, array), key
    if "shape" not in tables:
        raise ConfigError(
            f"codes: {path} has no shape codes: none of {', '.join(list(arrays)[:12]) or 'nothing'} is called "
            "shape, betas or the like"
        )
    count = len(tables["shape"])
    for kind, table in tables.items():
        if len(table) != count:
            raise ConfigError(f"codes: {path}: {origin[kind]} has {len(table)} rows, {origin['shape']} {count}")
    base, sizes = neutral(head), {"shape": head.identity_basis.shape[-1]}
    sizes["expression"] = head.expression_basis.shape[-1]
    params = FaceParams(
        identity=_filled(path, head, "identity_components", tables["shape"], sizes["shape"]),
        expression=_filled(
            path,
            head,
            "expression_components",
            tables.get("expression", np.zeros((count, 0))),
            sizes["expression"],
        ),
        pose=_pose(path, head, tables, count),
        albedo=jnp.tile(base.albedo[None], (count, 1)),
    )
    notes = [f"{kind} from {origin[kind]!r} {arrays[origin[kind]].shape}" for kind in tables]
    if "albedo" in tables and tables["albedo"].shape[1] == albedo_size(head.appearance) > 0:
        params = dataclasses.replace(params, albedo=jnp.asarray(tables["albedo"]))
    elif "albedo" in tables:
        notes.append(f"{origin['albedo']!r} is not of the head's texture and not used")
    rest = [key for key in arrays if key not in origin.values()]
    notes += [f"not read: {', '.join(rest[:12])}"] if rest else []
    light = tables.get("light")
    fits = light is not None and light.shape[1] == 27
    return Codes(
        params=params,
        camera=tables.get("camera"),
        light=light.reshape(count, 9, 3) if light is not None and fits else None,
        note=f"{path.name}: {count} photographs, {'; '.join(notes)}",
    )


def _pose(path: Path, head: FaceModel, tables: dict[str, np.ndarray], count: int) -> Array:
    """Return (n, J, 3): the head's rotation at the root, the jaw's at the jaw.

    DECA and EMOCA have both in `pose` (n, 6); SMIRK has `pose_params` (n, 3) and `jaw_params` (n, 3).
    """
    pose = np.zeros((count, len(head.parents), 3), np.float32)
    whole = tables.get("pose", np.zeros((count, 0), np.float32))
    if whole.shape[1] not in (0, 3, 6):
        raise ConfigError(
            f"codes: {path}: a pose has {whole.shape[1]} numbers, not 3 (head) or 6 (head and jaw)"
        )
    turns = {"root": tables.get("global", whole[:, :3]), "jaw": tables.get("jaw", whole[:, 3:6])}
    for name, turn in turns.items():
        if not turn.shape[1]:
            continue
        if turn.shape[1] != 3:
            raise ConfigError(f"codes: {path}: the {name} has {turn.shape[1]} numbers, not 3 (axis and angle)")
        if name in head.joint_names:
            pose[:, head.joint_names.index(name)] = turn
    return jnp.asarray(pose)


def _filled(path: Path, head: FaceModel, option: str, table: np.ndarray, size: int) -> Array:
    """Return (n, size): a table completed by zeros."""
    if table.shape[1] > size:
        raise ConfigError(
            f"codes: {path} has {table.shape[1]} coefficients, head {head.name!r} takes {size}: load it with "
            f"{option} = {table.shape[1]}"
        )
    out = np.zeros((len(table), size), np.float32)
    out[:, : table.shape[1]] = table
    return jnp.asarray(out)


def _table(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    """Return (n, k) float32; one photograph may lack the first axis."""
    array = array[None] if array.ndim == 1 else array
    if array.ndim < 2 or not array.size:
        raise ConfigError(f"codes: {path}: {key} {array.shape} is no table of (photographs, coefficients)")
    array = array.reshape(len(array), -1)
    with np.errstate(over="ignore"):
        out = array.astype(np.float32)
    if not np.isfinite(out).all():
        raise ConfigError(f"codes: {path}: {key} holds values that are not finite")
    return out


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    arrays = {}
    for name in archive.names(path):
        try:
            arrays[name] = archive.read(path, (name,), largest=_LARGEST)[name]
        except ModelFileError:
            if any(_plain(name) in names for names in _NAMES.values()):
                raise
            arrays[name] = np.empty(0)  # objects, which are never loaded
    return arrays


def _read_npy(path: Path) -> dict[str, np.ndarray]:
    content = files.read_bytes(path, ModelFileError, what=_WHAT, largest=_LARGEST)
    return {"shape": npy_files.read_array(content, path, ModelFileError, what=_WHAT)}


def _read_mat(path: Path) -> dict[str, np.ndarray]:
    """Read the matrices of a MATLAB file up to version 7; what they claim is checked first."""
    from scipy.io import loadmat, whosmat

    content = files.read_bytes(path, ModelFileError, what=_WHAT, largest=_LARGEST)
    try:
        claims = whosmat(io.BytesIO(content))
        numbers = {name: shape for name, shape, kind in claims if kind in ("single", "double")}
        if sum(8 * int(np.prod(shape, dtype=float)) for shape in numbers.values()) > _LARGEST:
            raise ModelFileError(f"{path} claims more than {_LARGEST:,} bytes")
        arrays = loadmat(io.BytesIO(content), variable_names=list(numbers)) if numbers else {}
    except ModelFileError:
        raise
    except Exception as error:  # SciPy's parser raises all kinds of errors on damaged files
        raise ModelFileError(
            f"{path} is no readable .mat file ({' '.join(str(error).split())[:120]})"
        ) from None
    return {name: np.asarray(arrays[name]) for name in numbers}


def _read_pickle(path: Path) -> dict[str, np.ndarray]:
    arrays = {}
    for name, value in unpickle.read_pickle(path).items():
        try:
            arrays[name] = unpickle.array(value, name)
        except ModelFileError:
            if any(_plain(name) in names for names in _NAMES.values()):
                raise
            arrays[name] = np.empty(0)
    return arrays


def _plain(name: str) -> str:
    """Return a name without case, signs, "flame" before it and "code", "params", "s" behind it."""
    letters = re.sub(r"[^a-z]", "", name.lower()).removeprefix("flame")
    return _SUFFIX.sub("", letters)
