"""Kill small runs of every kind at random moments, let two work in one folder, fill the disk, flip bits.

    nice python -m benchmarks.kills --out benchmarks/results

Rows `kills`: a run is killed (SIGKILL) at moments drawn over the time of a whole one, resumed, and killed
    again, up to `each` times; then it must end, and every file on which a result rests must have the bits of an
    uninterrupted run. `after_writing` counts the kills that came when the folder had files. Rows `writers`: two
    processes start in one folder. Rows `full disk`: a limit on the size of files, then the same command
    without it. Rows `flipped bits`: one bit in every file of a finished run; loading must name the file.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks import toy_runs
from benchmarks.toy_runs import KINDS, contents, differences, start

Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How often each kind of run is hurt."""

    kills: tuple[int, ...] = (100, 50, 20, 20)
    """Of an audit, a training, a retargeting, an observation."""

    kinds: tuple[str, ...] = KINDS
    """Which runs; bits are flipped in all but trainings, which `tests/test_frameworks_damage.py` does."""

    each: int = 4
    """Kills of one run at most, before it may end."""

    limits: int = 4
    """Sizes of a full disk for each kind."""

    pairs: int = 2
    """Pairs of processes for each kind."""

    seed: int = 0
    """Of the moments and bits."""

    only: tuple[str, ...] = ("kills", "writers", "full disk", "flipped bits")
    """Which rows."""

    cache: Path = Path(tempfile.gettempdir()) / "jaxface-kills"
    """Folder of compiled programs."""

    out: Path = Path("benchmarks/results")
    """Folder or file of the rows."""


@dataclass
class Reference:
    """An uninterrupted run: its folder, inputs, files and wall seconds."""

    kind: str
    folder: Path
    inputs: Path
    sums: dict[str, str]
    seconds: float


def reference(kind: str, base: Path) -> Reference:
    """Run twice: the first fills the cache of programs, and the second has its bits."""
    inputs, sums = base / f"{kind}-inputs", []
    for number in range(2):
        process = start(kind, folder := base / f"{kind}-whole{number}", inputs)
        process.wait()
        if process.status:
            raise SystemExit("\n".join(process.lines))
        sums.append(contents(kind, folder, inputs))
        seconds = toy_runs.time.perf_counter() - process.begin
    if names := differences(*sums):
        raise SystemExit(f"two uninterrupted runs ({kind}) differ in {', '.join(names)}")
    return Reference(kind, folder, inputs, sums[0], seconds)


def judge(whole: Reference, folder: Path, process: toy_runs.Process) -> Row:
    """Wait for the end of a run, and compare it with the uninterrupted one."""
    process.wait()
    names = differences(whole.sums, contents(whole.kind, folder, whole.inputs)) if not process.status else []
    identical = process.status == 0 and not names
    return {
        "identical": identical,
        **({} if identical else {"exit": process.status, "differ": names[:5], "lines": process.lines[-3:]}),
    }


def kill_rounds(whole: Reference, kills: int, each: int, random: np.random.Generator) -> Iterator[Row]:
    """Yield a row for each run that was killed and resumed until it ended."""
    while kills > 0:
        folder = whole.folder.with_name(f"{whole.kind}-killed")
        shutil.rmtree(folder, ignore_errors=True)
        moments, after_writing, ended = [], 0, False
        while len(moments) < min(each, kills) and not ended:
            moment = float(random.uniform(0, whole.seconds))
            process = start(whole.kind, folder, whole.inputs)
            ended = process.wait(moment)
            if not ended:
                process.kill()
                moments.append(round(moment, 3))
                after_writing += folder.is_dir() and any(folder.iterdir())
        row = judge(whole, folder, process if ended else start(whole.kind, folder, whole.inputs))
        kills -= len(moments)
        if moments:
            yield {"kills": len(moments), "after_writing": int(after_writing), "moments": moments, **row}


def two_writers(whole: Reference, pairs: int) -> Iterator[Row]:
    """Yield a row for each pair that starts in one folder: one works, the other is told so or joins."""
    for number in range(pairs):
        folder = whole.folder.with_name(f"{whole.kind}-pair{number}")
        processes = [start(whole.kind, folder, whole.inputs, name=f"output{i}") for i in range(2)]
        for process in processes:
            process.wait()
        refusals = [process for process in processes if process.status == toy_runs.REFUSED]
        winner = next((process for process in processes if process not in refusals), processes[0])
        told = all(len(each.lines) == 1 and " is in use: " in each.lines[0] for each in refusals)
        yield {"refused": len(refusals), "told": told, **judge(whole, folder, winner)}


def full_disk(whole: Reference, limits: int, random: np.random.Generator) -> Iterator[Row]:
    """Yield a row for each size that no file may exceed: one line, and then the same command goes on."""
    largest = max(path.stat().st_size for path in whole.folder.rglob("*") if path.is_file())
    for number in range(limits):
        limit = int(np.exp(random.uniform(0, np.log(largest)))) - 1
        folder = whole.folder.with_name(f"{whole.kind}-full{number}")
        process = start(whole.kind, folder, whole.inputs, limit)
        process.wait()
        lines = process.lines
        one_line = process.status in (toy_runs.FAILED, toy_runs.REFUSED) and len(lines) == 1
        told = process.status == 0 or one_line
        row = judge(whole, folder, start(whole.kind, folder, whole.inputs))
        message = {} if told else {"message": lines[-3:]}
        yield {"limit": limit, "full_exit": process.status, "told": told, **message, **row}


def flipped_bits(whole: Reference, random: np.random.Generator) -> Row:
    """Flip one bit in each file of a finished run that its sums list, and load the run."""
    from jaxface import audit, data
    from jaxface.core import sums
    from jaxface.core.errors import JaxfaceError
    from jaxface.report.tables_of_paper import observed_accuracy

    readers: dict[str, Callable[[Path], object]] = {
        "audit": audit.load,
        "retargeting": lambda folder: data.open("rendered", folder),
        "observation": observed_accuracy,
    }
    folder, load = whole.folder, readers[whole.kind]
    names = json.loads((folder / sums.SUMS).read_text())["bytes"]
    unnamed = []
    for path in (folder / name for name in names):
        original = path.read_bytes()
        content = bytearray(original)
        content[random.integers(len(content))] ^= 1 << int(random.integers(8))
        path.write_bytes(content)
        try:
            load(folder)
            unnamed.append(path.relative_to(folder).as_posix())
        except JaxfaceError as error:
            # Of the root's description, a bit in its text may name another version of the store.
            if str(path) not in str(error) and path.parent.name != "surfaces.zarr":
                unnamed.append(path.relative_to(folder).as_posix())
        finally:
            path.write_bytes(original)
    load(folder)
    return {"files": len(names), "named": len(names) - len(unnamed), "not_named": unnamed}


def measure(settings: Settings, base: Path) -> Iterator[Row]:
    """Yield all rows, those of the kinds in turn, so that a part of them has all kinds."""
    random = np.random.default_rng(settings.seed)
    streams: list[tuple[str, str, Iterator[Row]]] = []
    wholes = {kind: reference(kind, base) for kind in settings.kinds}
    for whole in wholes.values():
        rounds = {
            "writers": two_writers(whole, settings.pairs),
            "full disk": full_disk(whole, settings.limits, random),
            "kills": kill_rounds(whole, settings.kills[KINDS.index(whole.kind)], settings.each, random),
        }
        streams += [(name, whole.kind, rows) for name, rows in rounds.items() if name in settings.only]
    while streams:
        for stream in list(streams):
            name, kind, rows = stream
            if row := next(rows, None):
                yield {"name": name, "kind": kind, **row}
            else:
                streams.remove(stream)
    for kind in (
        "audit",
        "retargeting",
        "observation",
    ):  # last: it starts a device, and a fork of it would hang
        if "flipped bits" in settings.only and kind in wholes:
            yield {"name": "flipped bits", "kind": kind, **flipped_bits(wholes[kind], random)}


def main(settings: Settings) -> int:
    """Write the rows; return 1 if any run came to harm."""
    toy_runs.prepare(settings.cache)
    from jaxface.bench.harness import append, commit, results_file

    path, harm = results_file(settings.out, "kills"), 0
    with tempfile.TemporaryDirectory() as base:
        for row in measure(settings, Path(base)):
            harm += not (row.get("identical", True) and row.get("told", True) and not row.get("not_named"))
            append(path, row | {"git": commit()})
            print(row, flush=True)
    return int(harm > 0)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Settings)))
