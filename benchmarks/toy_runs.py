"""Small runs of every kind, each in a process of its own that can be killed, limited or met by a second one.

The parent imports everything and starts no device, so that a fork costs no import; programs come from JAX's
compilation cache. Call `prepare` before JAX is imported elsewhere.
"""

import contextlib
import hashlib
import importlib
import os
import resource
import sys
import time
import traceback
import zipfile
from dataclasses import dataclass
from pathlib import Path

KINDS = ("audit", "training", "retargeting", "observation")
REFUSED, FAILED, TRACEBACK = 2, 1, 3
"""Exit codes of a run: a JaxfaceError, an OSError, anything else."""

_IMPORTS = (
    "jaxface.audit",
    "jaxface.audit.observe",
    "jaxface.classify",
    "jaxface.data.retarget",
    "jaxface.frameworks.common.loop",
    "jaxface.frameworks.common.training",
    "jaxface.report",
    "jaxface.stats",
)
_UNLIKE = ("timing", "environment", "sums", ".lock", ".owner", "consolidated")
"""Starts of the names of files that hold times, or sums of files with times in them."""


def prepare(cache: Path) -> None:
    """Import what runs need, with a cache of compiled programs in this folder."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(cache)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    for name in _IMPORTS:
        importlib.import_module(name)


@dataclass
class Process:
    """A run in a process of its own; `output` is its stdout and stderr."""

    pid: int
    output: Path
    begin: float
    status: int | None = None

    def wait(self, seconds: float | None = None) -> bool:
        """Return whether it has ended, after at most this many seconds."""
        while self.status is None:
            pid, status = os.waitpid(self.pid, 0 if seconds is None else os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.perf_counter() - self.begin > (seconds or 0.0):
                return False
            else:
                time.sleep(0.002)
        return True

    def kill(self) -> None:
        """End it as a crash of the machine would."""
        os.kill(self.pid, 9)
        self.wait()

    @property
    def lines(self) -> list[str]:
        return self.output.read_text(errors="replace").splitlines()


def start(kind: str, folder: Path, inputs: Path, limit: int | None = None, name: str = "output") -> Process:
    """Start a run of a kind in a folder.

    Args:
        inputs: folder of what it reads, and of its output and digest.
        limit: bytes of the largest file that it may write; None = any.
        name: of the file of its output.
    """
    inputs.mkdir(parents=True, exist_ok=True)
    output = inputs / name
    sys.stdout.flush()
    sys.stderr.flush()
    begin = time.perf_counter()
    if pid := os.fork():
        return Process(pid, output, begin)
    code = TRACEBACK
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        code = _run(kind, folder, inputs)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(kind: str, folder: Path, inputs: Path) -> int:
    """Do a run, and report its end as the command line does."""
    from jaxface.core.errors import JaxfaceError

    try:
        digest = globals()[f"_{kind}"](folder, inputs)
    except JaxfaceError as error:
        _lift_limit()
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return REFUSED
    except OSError as error:
        _lift_limit()
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
        return FAILED
    except BaseException:
        _lift_limit()
        traceback.print_exc()
        return TRACEBACK
    if digest:
        (inputs / "digest").write_text(digest)
    return 0


def _lift_limit() -> None:
    """Let the output have any size again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _audit(folder: Path, inputs: Path) -> str:
    from jaxface import audit
    from tests import fake_audit

    audit.run(fake_audit.CONFIG, folder, searcher_factory=fake_audit.build)
    return ""


def _training(folder: Path, inputs: Path) -> str:
    """Return a digest of the final state and its metrics: checkpoints differ in times alone."""
    import jax
    import numpy as np

    from jaxface import data
    from jaxface.frameworks.common.loop import fit
    from tests.toy_framework import TASK, TOY, TOY_CONFIG, TRAIN, examples

    stream = data.batches(examples(40), TRAIN.batch, seed=1)
    result = fit(TOY, TOY_CONFIG, TRAIN, TASK, stream, examples(20, seed=1), folder, seed=3)
    digest = hashlib.sha256(repr((result.step, result.steps, sorted(result.metrics.items()))).encode())
    for leaf in jax.tree.leaves(result.state):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _retargeting(folder: Path, inputs: Path) -> str:
    from jaxface.data.retarget import RetargetConfig, retarget, run

    run._SAVE_EVERY = 1  # as often as a long run meets it
    config = RetargetConfig(
        data="recipe", root=Path("wild"), expression="rendered", subjects=3, images=12, size=16, batch=2
    )
    retarget(config, folder)
    return ""


def _observation(folder: Path, inputs: Path) -> str:
    from jaxface.audit import observe
    from tests.photographs import CLASSIFIER, SIZE, write_table

    table = inputs / "photographs/table.csv"
    if not table.exists():  # by the first run, which is not killed
        write_table(table.parent, 24)
    config = observe.ObserveConfig(
        table=str(table),
        classifiers=(CLASSIFIER,),
        features=("group", "pixel"),
        tests=("chsic",),
        faces="centre",
        crop=observe.CropConfig(size=SIZE),
    )
    observe.run(config, folder)
    return ""


def contents(kind: str, folder: Path, inputs: Path) -> dict[str, str]:
    """Return the SHA-256 of every file on which a result rests: all but times and a training's checkpoints."""
    sums = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_time = path.name.startswith(_UNLIKE) or "cpu_seconds" in name
        if path.is_file() and not is_time and not name.startswith(("checkpoints/", "best/")):
            sums[name] = hashlib.sha256(_arrays(path) or path.read_bytes()).hexdigest()
    if kind == "training":
        sums["state"] = (inputs / "digest").read_text()
    return sums


def _arrays(path: Path) -> bytes:
    """Return the members of an .npz, which also holds times; b"" of another file."""
    if path.suffix != ".npz":
        return b""
    with zipfile.ZipFile(path) as archive:
        return b"".join(name.encode() + archive.read(name) for name in sorted(archive.namelist()))


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the names of files that differ, or that one of two folders lacks."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
