"""Classifiers of the Hugging Face Hub: "hf:owner/name" is a folder that is fetched (extra `hub`)."""

import os
import re
from pathlib import Path
from typing import Any

from jaxface.classify.card import CARD_FILE
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.core.unpickle import short_line

PREFIX = "hf:"
FILES = (CARD_FILE, "*.safetensors", "*.npz", "*.onnx", "*.stablehlo")
"""What is fetched of a repository: nothing in it is executed."""

_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)


def is_hub_name(name: Any) -> bool:
    """Return whether a name is of the Hub."""
    return isinstance(name, str) and name.startswith(PREFIX)


def download(name: str) -> Path:
    """Fetch "hf:owner/name" or "hf:owner/name@revision", and return the folder of its files.

    What is in the cache of `huggingface_hub` is not fetched again; with `HF_HUB_OFFLINE=1` nothing is.

    Raises:
        ConfigError: the name is not of this form.
        CheckpointError: `huggingface_hub` is not installed, the repository cannot be fetched, or holds no card.
    """
    match = _NAME.fullmatch(name.removeprefix(PREFIX))
    if match is None:
        raise ConfigError(f"{name!r} must be hf:owner/name, or hf:owner/name@revision")
    repository, revision = match.groups()
    try:
        import huggingface_hub
    except ImportError:
        raise CheckpointError(
            f"{name} is on the Hugging Face Hub, which needs huggingface_hub: pip install huggingface_hub"
        ) from None
    try:
        folder = Path(
            huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(FILES))
        )
    except Exception as error:  # its own classes, of HTTP libraries, and of files
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
        hint = "; HF_HUB_OFFLINE is set, and it is not in the cache" if offline else ""
        raise CheckpointError(
            f"{name} cannot be fetched ({type(error).__name__}: {short_line(error)}){hint}"
        ) from None
    if not (folder / CARD_FILE).is_file():
        raise CheckpointError(
            f"{name} holds no {CARD_FILE}: jaxface did not write it; a model of transformers: "
            f'jf.classify.from_torch(transformers.pipeline("image-classification", "{repository}"))'
        )
    return folder
