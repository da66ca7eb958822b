"""Read thousands of spoilt files of every kind that jaxface reads, each within limits, and class what comes.

    nice python -m benchmarks.fuzz --out benchmarks/results

Every case is a valid folder (`fuzz_seeds`) with one file spoilt (`fuzz_mutations`), read in a worker process
that is replaced after a hang or a crash. A row for each group counts `refused` (a JaxfaceError of one line),
`accepted` and the faults; a row for each fault has what repeats it: `--only GROUP --case NUMBER`.
"""

import contextlib
import multiprocessing
import os
import resource
import shutil
import stat
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks import fuzz_mutations
from benchmarks.fuzz_seeds import Seed, seeds

FAULTS = ("wrong class", "hang", "crash", "memory", "execution", "silent change")
_MEGABYTE = 2**20
_LONGEST_LINE = 2000


@dataclass(frozen=True)
class Settings:
    """How many cases, and their limits."""

    cases: int = 2400
    """Of all groups together."""

    only: tuple[str, ...] = ()
    """Groups; none = all."""

    case: int | None = None
    """Number of one case of each seed, to repeat it."""

    seed: int = 0
    """Of all mutations."""

    cpu_seconds: float = 10.0
    """Of one case; more is a hang, as is four times this on the clock."""

    memory_mb: int = 1024
    """That one case may add to what its worker holds."""

    out: Path | None = Path("benchmarks/results")
    """Folder or file of the rows."""


def work(connection: Connection, seed: Seed, folder: Path, largest: int) -> None:
    """Read the folder whenever asked, and send back what came."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    is_warm = False
    while connection.recv():
        before = _resident()
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        cpu = time.process_time()
        kind, text, digest = _read(seed, folder)
        cpu = time.process_time() - cpu
        peak = (_resident("VmHWM") - before) / _MEGABYTE
        connection.send((kind, text, digest, cpu, peak))
        if not is_warm:  # the limit protects the machine; threads take addresses, too
            is_warm, limit = True, _resident("VmSize") + 3 * largest * _MEGABYTE
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _read(seed: Seed, folder: Path) -> tuple[str, str, str]:
    """Return the class of an answer, its text, and what was read of a run."""
    from jaxface.core.errors import JaxfaceError

    try:
        content = seed.read(folder)
    except JaxfaceError as error:
        text = str(error)
        is_line = len(text.splitlines()) == 1 and len(text) < _LONGEST_LINE and text.isprintable()
        return ("refused" if is_line else "wrong class"), f"{type(error).__name__}: {text}"[:300], ""
    except MemoryError:
        return "memory", traceback.format_exc()[-600:], ""
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = next((f for f in reversed(frames) if "/jaxface/" in f.filename), frames[-1])
        where = f"{Path(place.filename).name}:{place.lineno}"
        return "wrong class", f"{where} {type(error).__name__}: {str(error)[:200]}", ""
    return "accepted", "", content if seed.is_run else ""


def _resident(name: str = "VmRSS") -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    return 0


class Worker:
    """A process that reads one seed's folder; started anew after it was ended."""

    def __init__(self, seed: Seed, folder: Path, settings: Settings) -> None:
        self._arguments = seed, folder, settings.memory_mb
        self._settings = settings
        self._process: Any = None

    def ask(self) -> tuple[str, str, str]:
        """Return class, text and digest of reading the folder as it is now."""
        if self._process is None:
            context = multiprocessing.get_context("fork")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=work, args=(theirs, *self._arguments), daemon=True)
            self._process.start()
            theirs.close()
            self._is_new = True
        allowance = 30.0 if self._is_new else 0.0  # programs are compiled
        cpu, begin = self._cpu(), time.monotonic()
        self._connection.send(True)
        limit = self._settings.cpu_seconds + allowance
        while not self._connection.poll(0.1):
            if self._cpu() - cpu > limit or time.monotonic() - begin > 4 * limit:
                self.close()
                return "hang", "", ""
        try:
            kind, text, digest, cpu, peak = self._connection.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self.close()
            return "crash", f"exit code {code}", ""
        self._is_new = False
        if cpu > limit:
            return "hang", f"{cpu:.1f} CPU-s; {text}", digest
        if peak > self._settings.memory_mb:
            return "memory", f"{peak:.0f} MB; {text}", digest
        return kind, text, digest

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
            self._process = None

    def _cpu(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_seed(
    seed: Seed, folder: Path, numbers: list[int], settings: Settings, canary: Path
) -> Iterator[dict[str, Any]]:
    """Yield a row for each case of a seed."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    worker = Worker(seed, folder, settings)
    try:
        kind, text, whole = worker.ask()
        if kind != "accepted":
            raise SystemExit(f"{seed.group}, {seed.name}: the valid files are not read: {kind} {text}")
        for number in numbers:
            label = zlib.crc32(f"{seed.group}/{seed.name}".encode())
            random = np.random.default_rng([settings.seed, label, number])
            path = paths[random.integers(len(paths))]
            content = path.read_bytes()
            try:
                mutation = fuzz_mutations.spoil(path, random)
                kind, text, digest = worker.ask()
            finally:
                _remove(path)
                path.write_bytes(content)
            if canary.exists():
                canary.unlink()
                kind = "execution"
            if kind == "accepted" and seed.is_run and digest != whole:
                kind = "silent change"
            yield {
                "group": seed.group,
                "seed": seed.name,
                "case": number,
                "mutation": mutation,
                "file": path.relative_to(folder).as_posix(),
                "class": kind,
                "text": text.replace(str(folder), "FOLDER"),
            }
    finally:
        worker.close()


def _remove(path: Path) -> None:
    if not os.path.lexists(path):
        return
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        path.unlink()


def run(settings: Settings, base: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each case of all groups."""
    canary, programs = base / "canary", base / "bin"
    programs.mkdir()
    for name in ("gs", "rungs", "evil"):
        (programs / name).write_text(f"#!/bin/sh\necho ran > {canary}\n")
        (programs / name).chmod(0o755)
    os.environ["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    os.environ[fuzz_mutations.CANARY] = str(canary)
    everything = seeds()
    chosen = [seed for seed in everything if not settings.only or seed.group in settings.only]
    total = sum(seed.share for seed in everything)
    folders = [base / f"{number:02d}" for number in range(len(chosen))]
    writer = multiprocessing.get_context("fork").Process(target=_write, args=(chosen, folders))
    writer.start()  # some need JAX, of which a fork would hang
    writer.join()
    if writer.exitcode:
        raise SystemExit("the valid files cannot be written")
    for seed, folder in zip(chosen, folders, strict=True):
        count = max(1, round(settings.cases * seed.share / total))
        numbers = list(range(count)) if settings.case is None else [settings.case]
        yield from run_seed(seed, folder, numbers, settings, canary)


def _write(chosen: list[Seed], folders: list[Path]) -> None:
    for seed, folder in zip(chosen, folders, strict=True):
        folder.mkdir()
        seed.write(folder)


def main(settings: Settings) -> int:
    """Print the table by group, write the rows, and return 1 if there was any fault."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    counts: dict[str, Counter[str]] = {}
    faults = []
    with tempfile.TemporaryDirectory() as base:
        for number, row in enumerate(run(settings, Path(base)), 1):
            if number % 100 == 0:
                print(number, row["group"], file=sys.stderr, flush=True)
            counts.setdefault(row["group"], Counter())[row["class"]] += 1
            if row["class"] in FAULTS:
                faults.append({"name": "fault", **row})
                print(row, file=sys.stderr, flush=True)
    table = [
        {"name": "group", "group": group, "cases": count.total(), "seed": settings.seed}
        | {name: count[name] for name in ("refused", "accepted", *FAULTS)}
        for group, count in counts.items()
    ]
    from benchmarks.rows import write_rows

    write_rows([*table, *faults], "fuzz", settings.out)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Settings)))
