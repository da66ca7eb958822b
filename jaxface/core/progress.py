"""Progress of long work, on the host, to stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from tqdm import tqdm


class Progress(Protocol):
    """What long work tells of itself. One object may see several stages, one after another."""

    def start(self, stage: str, total: int, done: int = 0) -> None:
        """A stage of `total` units begins, `done` of which were there already."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """`units` more are done; `note` says something of the last one."""

    def close(self) -> None:
        """The stage is over."""


class NullProgress:
    """Says nothing: the default of the library."""

    def start(self, stage: str, total: int, done: int = 0) -> None: ...

    def advance(self, units: int = 1, note: str = "") -> None: ...

    def close(self) -> None: ...


class TqdmProgress:
    """One tqdm bar on stderr with the stage, the rate and the time left; first the hint stands beside it."""

    def __init__(self, hint: str = "") -> None:
        self._bar: tqdm | None = None
        self._hint = hint

    def start(self, stage: str, total: int, done: int = 0) -> None:
        self.close()
        self._bar = tqdm(desc=stage, total=total, initial=done, file=sys.stderr, dynamic_ncols=True)
        self._bar.set_postfix_str(self._hint)

    def advance(self, units: int = 1, note: str = "") -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(units)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class LogProgress:
    """Plain lines on stderr, at most one every `seconds`: for logs."""

    def __init__(self, seconds: float = 10.0, hint: str = "") -> None:
        self._seconds = seconds
        self._hint = f" ({hint})" if hint else ""
        self._stage, self._done, self._total = "", 0, 0
        self._began = self._said = 0.0
        self._before = 0

    def start(self, stage: str, total: int, done: int = 0) -> None:
        self._stage, self._done, self._total, self._before = stage, done, total, done
        self._began = self._said = time.monotonic()
        print(f"{stage}: {done}/{total}{self._hint if done < total else ''}", file=sys.stderr, flush=True)

    def advance(self, units: int = 1, note: str = "") -> None:
        self._done += units
        now = time.monotonic()
        if now - self._said < self._seconds and self._done < self._total:
            return
        self._said = now
        rate = (self._done - self._before) / max(now - self._began, 1e-9)
        left = (self._total - self._done) / rate if rate else float("nan")
        suffix = f"; {note}" if note else ""
        print(
            f"{self._stage}: {self._done}/{self._total}, {rate:.3g}/s, {left:.0f} s left{suffix}",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None: ...


def for_terminal(quiet: bool = False, hint: str = "") -> Progress:
    """The progress display that suits stderr; `hint` is said when a stage begins."""
    if quiet:
        return NullProgress()
    return TqdmProgress(hint) if sys.stderr.isatty() else LogProgress(hint=hint)
