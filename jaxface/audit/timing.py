"""How a run spent its time: `timing.json`, a session for every call that worked on it."""

import datetime
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jax

from jaxface.core import files, io
from jaxface.core.clock import Clock
from jaxface.core.errors import StoreError

STAGES = ("search", "render", "classify", "statistics", "compile", "other")
"""Wall seconds. `search` includes the images and answers of the searches, `render` and `classify` are those of
the surfaces; `compile` is tracing and compiling in all of them; `other` the rest, such as files."""


class Session:
    """The time of one call of `audit.run` in one process; `save` may be called at any moment.

    Args:
        folder: of the run.
        clock: measures the stages.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / _file(jax.process_index())
        self._clock = clock
        self._before = _sessions(self._path)
        self._began = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self.cells = 0

    def save(self) -> None:
        """Write the times so far."""
        wall = time.perf_counter() - self._wall
        spent = {name: self._clock.seconds[name] for name in STAGES[:-1]}
        session = {
            "began": self._began,
            "process": jax.process_index(),
            "devices": jax.local_device_count(),
            "cells": self.cells,
            "wall": wall,
            "cpu": time.process_time() - self._cpu,
            **spent,
            "other": max(wall - sum(spent.values()), 0.0),
            "programs": self._clock.programs,
            "compiled": self._clock.compiled,
        }
        numbers = {name: round(v, 3) if isinstance(v, float) else v for name, v in session.items()}
        io.write_text(self._path, json.dumps({"sessions": [*self._before, numbers]}, indent=2) + "\n")


def read(folder: Path) -> dict[str, float]:
    """Return sums over all sessions and processes of a run; empty if there is no record.

    Keys: wall seconds of `STAGES`, `wall`, `cpu`, `cells`, `programs`, `compiled`.
    """
    total: Counter[str] = Counter()
    for path in sorted(folder.glob("timing*.json")):
        for session in _sessions(path):
            total.update({name: v for name, v in session.items() if isinstance(v, int | float)})
    for name in ("process", "devices"):
        total.pop(name, None)
    return dict(total)


def line(folder: Path) -> str:
    """Return one line about a run's time, for people; empty if there is no record."""
    total = read(folder)
    if not total:
        return ""
    stages = ", ".join(f"{name} {total[name]:.1f}" for name in STAGES)
    return (
        f"time: {total['wall']:.1f} s ({stages}), {total['cpu']:.1f} CPU-s; {total['programs']:.0f} programs, "
        f"{total['compiled']:.0f} of them compiled"
    )


def _file(process: int) -> str:
    return f"timing-{process}.json" if process else "timing.json"


def _sessions(path: Path) -> list[dict[str, Any]]:
    """Return the sessions of a record; none where it is missing or damaged."""
    try:
        sessions = files.read_json(path, StoreError)["sessions"]
    except (StoreError, KeyError, TypeError):
        return []
    return [one for one in sessions if isinstance(one, dict)] if isinstance(sessions, list) else []
