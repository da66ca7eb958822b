"""Files that lie beside the checkout, in `../shared`: tests that need one skip where it is absent."""

import os
from pathlib import Path

import pytest


def shared_file(name: str) -> Path:
    """The path of `shared/<name>`; `JAXFACE_SHARED` names another folder."""
    root = Path(__file__).resolve().parent.parent
    path = Path(os.environ.get("JAXFACE_SHARED", root.parent / "shared")) / name
    if not path.exists():
        pytest.skip(f"needs {path}: set JAXFACE_SHARED to the folder that holds {name}")
    return path
