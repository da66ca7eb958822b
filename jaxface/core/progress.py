"""Progress of long work, on the host, to stderr: a bar in a terminal or a notebook, else lines of a logger.

Programs are compiled when they are first used. A display says so, with a clock that moves, and leaves these
seconds out of the time left.
"""

import logging
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from jaxface.core.errors import printable

if TYPE_CHECKING:
    from jaxface.core.clock import Clock

LOGGER = logging.getLogger("jaxface")
"""The library's only logger; silent unless a program sets its level: progress is INFO."""

LOGGER.addHandler(logging.NullHandler())


class Progress:
    """Progress of long work. One object may show several stages, one after another; this one shows nothing."""

    def start(self, stage: str, total: int, initial: int = 0) -> None:
        """Begin a stage of `total` units, `initial` of which are done."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count `units` more as done; `note` describes the last one."""

    def close(self) -> None:
        """End the stage."""


class NullProgress(Progress):
    """Shows nothing."""


class _Display(Progress):
    """What displays have in common: counts, the time left, and a tick by which the clock moves.

    A subclass shows `status()` when `_begin`, `_count`, `_tick` and `_end` are called.
    """

    seconds: float = 1.0  # between two ticks

    def __init__(self, hint: str = "") -> None:
        self._hint = hint
        self._clock: Clock | None = None
        self._stop = threading.Event()
        self._lock = threading.RLock()  # of the counts and the display, between caller and tick

    def start(self, stage: str, total: int, initial: int = 0) -> None:
        from jaxface.core.clock import Clock  # imports JAX, which `--help` does not wait for

        self.close()
        self._stage, self._total, self._done, self._before = stage, total, initial, initial
        self._note = ""
        self._began = time.perf_counter()
        self._clock = Clock().__enter__()
        self._begin()
        self._stop = threading.Event()
        arguments = weakref.ref(self), self._stop, self.seconds
        threading.Thread(target=_tick, args=arguments, name="jaxface progress", daemon=True).start()

    def advance(self, units: int = 1, note: str = "") -> None:
        if self._clock is None:
            return
        with self._lock:
            self._done += units
            self._note = printable(note)
            self._count(units)

    def close(self) -> None:
        if self._clock is None:
            return
        self._stop.set()
        with self._lock:
            self._clock.__exit__()
            self._clock = None
            self._end()

    def __del__(self) -> None:
        self._stop.set()

    def status(self) -> str:
        """Return what there is to say beside the counts: rate, time left, what is compiled, the last note."""
        return ", ".join(part for part in (self._pace(), self._compiling(), self._latest()) if part)

    def _pace(self) -> str:
        """The rate and the time left, both without tracing and compiling; "" before the first unit."""
        clock, units = self._clock, self._done - self._before
        if clock is None or units <= 0:
            return ""
        now = time.perf_counter()
        compiling = clock.seconds["compile"] + clock.compiling_for
        rate = units / max(now - self._began - compiling, 1e-9)
        left = self._total - self._done
        return f"{rate:.3g}/s, {left / rate:.0f} s left" if left > 0 else f"{rate:.3g}/s"

    def _compiling(self) -> str:
        if self._clock is None or not self._clock.compiling_for:
            return ""
        return f"compiling program {self._clock.programs + 1}, {self._clock.compiling_for:.0f} s"

    def _latest(self) -> str:
        """The last note; before the first unit the hint."""
        return self._note if self._done > self._before else self._hint

    def _begin(self) -> None: ...

    def _count(self, units: int) -> None: ...

    def _tick(self) -> None: ...

    def _end(self) -> None: ...


def _tick(display: "weakref.ref[_Display]", stop: threading.Event, seconds: float) -> None:
    """Let a display tick until its stage ends, or nobody holds it any more."""
    while not stop.wait(seconds):
        if (live := display()) is None:
            return
        with live._lock:
            if not stop.is_set():
                live._tick()
        del live


class TqdmProgress(_Display):
    """One bar with the stage, the rate and the time left: of text on stderr, or a widget in a notebook."""

    def __init__(self, hint: str = "") -> None:
        super().__init__(hint)
        self._bar: Any = None

    def _begin(self) -> None:
        self._bar = _tqdm()(
            desc=self._stage,
            total=self._total,
            initial=self._before,
            file=sys.stderr,
            dynamic_ncols=True,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        )
        self._tick()

    def _count(self, units: int) -> None:
        self._bar.set_postfix_str(self.status(), refresh=False)
        self._bar.update(units)

    def _tick(self) -> None:
        self._bar.set_postfix_str(self.status())

    def _end(self) -> None:
        self._bar.close()


class LogProgress(_Display):
    """Lines of the logger "jaxface", at most one every `seconds`."""

    def __init__(self, seconds: float = 10.0, hint: str = "") -> None:
        super().__init__(hint)
        self.seconds = max(seconds, 0.1)
        self._interval = seconds
        self._last_line = 0.0

    def _begin(self) -> None:
        self._log()

    def _count(self, units: int) -> None:
        if self._done >= self._total or time.perf_counter() - self._last_line >= self._interval:
            self._log()

    def _tick(self) -> None:
        if self._done < self._total and time.perf_counter() - self._last_line >= self._interval:
            self._log()

    def _log(self) -> None:
        self._last_line = time.perf_counter()
        elapsed = f"{self._last_line - self._began:.0f} s" if self._last_line - self._began >= 1 else ""
        status = "" if self._done >= self._total == self._before else self.status()
        text = ", ".join(part for part in (elapsed, status) if part)
        LOGGER.info("%s: %d/%d%s", self._stage, self._done, self._total, f" ({text})" if text else "")


ProgressLike = Progress | bool | None
"""A display; True for one, False for none; None for a bar where somebody watches."""


def choose(progress: ProgressLike = None, hint: str = "") -> Progress:
    """Return the display that a caller asks for.

    Args:
        progress: None = a bar in a terminal and in a notebook, else lines of the logger "jaxface", which
            shows them where its level is INFO; True = a bar anywhere; False = nothing; or a display.
        hint: said until the first unit is done.
    """
    if isinstance(progress, Progress):
        return progress
    if progress is False:
        return NullProgress()
    return TqdmProgress(hint) if progress or is_watched() else LogProgress(hint=hint)


def for_terminal(quiet: bool = False, hint: str = "") -> Progress:
    """Return the display of a command: as `choose`, with the logger's lines on stderr."""
    if quiet:
        return NullProgress()
    log_to_stderr()
    return choose(None, hint)


def log_to_stderr() -> None:
    """Write what the library logs to stderr, from INFO on."""
    if not any(isinstance(handler, _StderrHandler) for handler in LOGGER.handlers):
        LOGGER.addHandler(_StderrHandler())
    LOGGER.setLevel(logging.INFO)


def is_watched() -> bool:
    """Return whether stderr is a terminal, or this process a notebook's."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None:
        return True
    return bool(getattr(sys.stderr, "isatty", lambda: False)())


class _StderrHandler(logging.Handler):
    """Writes plain lines to what is stderr at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr, flush=True)


def _tqdm() -> Any:
    """Return tqdm's class for a notebook or a terminal."""
    import warnings

    with warnings.catch_warnings():  # it warns in a notebook without ipywidgets, and shows text then
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

    return tqdm
