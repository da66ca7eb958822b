"""Find out what a path is, by its content and never by its name."""

import os
from pathlib import Path
from typing import Literal

from jaxface.core.errors import ModelFileError, suggestion
from jaxface.core.files import require_regular_file
from jaxface.face.loaders.foreign_files import looks_like

NEUTRAL = "generic_neutral_mesh.obj"
"""The mesh by which a folder of ICT-FaceKit is told."""

Kind = Literal["flame-pickle", "flame-npz", "ict-npz", "ict-folder"]
FLAME_FILES = (
    "generic_model.pkl",
    "flame2023.pkl",
    "flame2023_no_jaw.pkl",
    "FLAME_NEUTRAL.pkl",
    "female_model.pkl",
    "male_model.pkl",
)
"""Names of the files in FLAME's downloads of 2020 and 2023; the first that a folder holds is loaded."""

_EXPECTED = "give a FLAME .pkl or .npz or their folder, an ICT-FaceKit folder or .npz"


def model_file(path: str | Path) -> Path:
    """Return the FLAME file in a folder that holds one; any other path as it is."""
    path = Path(path)
    files = [path / name for name in FLAME_FILES if os.path.isfile(path / name)]
    return files[0] if files and not os.path.isfile(path / NEUTRAL) else path


def require_model(source: str | Path) -> None:
    """Check that a source is "bundled", or the path of a face model.

    Raises:
        ModelFileError: neither; a word that is no path is taken for a misspelt name.
    """
    if source == "bundled":
        return
    path = Path(source)
    if isinstance(source, str) and not path.exists() and path.name == source and not path.suffix:
        raise ModelFileError(
            f"no face model {source!r}{suggestion(source, ['bundled'])}, or give the path of a file"
        )
    sniff(model_file(source))


def sniff(path: str | Path) -> Kind:
    """Return the kind of face model at a path.

    Raises:
        ModelFileError: no file, or another kind of file; the message says what it looks like.
    """
    path = Path(path)
    if os.path.isdir(path):
        if (path / NEUTRAL).is_file():
            return "ict-folder"
        raise ModelFileError(
            f"{path} is a folder without {NEUTRAL} or a FLAME file; for ICT-FaceKit give its FaceXModel folder"
        )
    if not os.path.lexists(path) and "\0" not in str(path):
        raise ModelFileError(f"no face model at {path}; {_EXPECTED}, or the name 'bundled'")
    require_regular_file(path, ModelFileError, what="face model")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from None
    if start.startswith(b"PK\x03\x04"):
        return _sniff_archive(path)
    # Pickle protocols 2 to 5 begin with 0x80 and their number, 0 and 1 with a dictionary's or list's opcodes.
    if (start[:1] == b"\x80" and len(start) > 1 and 2 <= start[1] <= 5) or start.startswith(
        (b"(dp", b"(lp", b"}q", b"ccollections")
    ):
        return "flame-pickle"
    raise ModelFileError(f"{path} is {looks_like(start)}; {_EXPECTED}")


def _sniff_archive(path: Path) -> Kind:
    from jaxface.face.loaders import archive

    names = set(archive.names(path))
    if {"shapedirs_identity_q", "landmarks68"} <= names:
        return "ict-npz"
    if "shapedirs" in names:
        return "flame-npz"
    if {"mean", "tex_dir"} <= names or {"MU", "PC"} <= names:
        raise ModelFileError(f"{path} is FLAME's texture, not its shape; give it as texture=")
    if not names:
        raise ModelFileError(f"{path} is a zip archive, not an .npz; unpack it and give its folder or file")
    raise ModelFileError(f"{path} is an .npz of {sorted(names)[:6]}, no face model; {_EXPECTED}")
