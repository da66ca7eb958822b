"""Progress of long work, on the host, to stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time

from tqdm import tqdm

from jaxface.core.errors import printable


class Progress:
    """Progress of long work. One object may show several stages, one after another; this one shows nothing."""

    def start(self, stage: str, total: int, initial: int = 0) -> None:
        """Begin a stage of `total` units, `initial` of which are done."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count `units` more as done; `note` describes the last one."""

    def close(self) -> None:
        """End the stage."""


class NullProgress(Progress):
    """Shows nothing: the default of the library."""


class TqdmProgress(Progress):
    """One tqdm bar on stderr with the stage, the rate and the time left; a hint until the first unit."""

    def __init__(self, hint: str = "") -> None:
        self._bar: tqdm | None = None
        self._hint = hint

    def start(self, stage: str, total: int, initial: int = 0) -> None:
        self.close()
        self._bar = tqdm(desc=stage, total=total, initial=initial, file=sys.stderr, dynamic_ncols=True)
        self._bar.set_postfix_str(self._hint)

    def advance(self, units: int = 1, note: str = "") -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(printable(note), refresh=False)
            self._bar.update(units)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class LogProgress(Progress):
    """Plain lines on stderr, at most one every `seconds`: for logs."""

    def __init__(self, seconds: float = 10.0, hint: str = "") -> None:
        self._seconds = seconds
        self._hint = f" ({hint})" if hint else ""
        self._stage, self._done, self._total = "", 0, 0
        self._began = self._last_print = 0.0
        self._before = 0

    def start(self, stage: str, total: int, initial: int = 0) -> None:
        self._stage, self._done, self._total, self._before = stage, initial, total, initial
        self._began = self._last_print = time.monotonic()
        print(f"{stage}: {initial}/{total}{self._hint if initial < total else ''}", file=sys.stderr, flush=True)

    def advance(self, units: int = 1, note: str = "") -> None:
        self._done += units
        now = time.monotonic()
        if now - self._last_print < self._seconds and self._done < self._total:
            return
        self._last_print = now
        rate = (self._done - self._before) / max(now - self._began, 1e-9)
        left = (self._total - self._done) / rate if rate else float("nan")
        suffix = f"; {printable(note)}" if note else ""
        print(
            f"{self._stage}: {self._done}/{self._total}, {rate:.3g}/s, {left:.0f} s left{suffix}",
            file=sys.stderr,
            flush=True,
        )


def for_terminal(quiet: bool = False, hint: str = "") -> Progress:
    """Return the progress display that suits stderr; `hint` is shown when a stage begins."""
    if quiet:
        return NullProgress()
    return TqdmProgress(hint) if sys.stderr.isatty() else LogProgress(hint=hint)
