"""Seconds of each stage of a run, with JAX's tracing and compiling kept apart from running."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

import jax.monitoring

_COMPILING = "/jax/core/compile/"
_HIT = "/jax/compilation_cache/cache_hits"
_BACKEND = "/jax/core/compile/backend_compile_duration"
_LOWERED = "/jax/core/compile/jaxpr_to_mlir_module_duration"  # the compiler begins when it ends


class Clock:
    """Wall seconds of each stage; a context manager that records compilations while it is open.

    Attributes:
        seconds: of each stage, without its tracing and compiling, which `compile` has.
        programs: number of programs that were compiled or read from the cache.
        compiled: number of them that the persistent cache did not have (all, without a cache).
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.programs = self.compiled = 0
        self._compiling_since: float | None = None
        self._intervals: list[tuple[float, float]] = []

    def __enter__(self) -> "Clock":
        jax.monitoring.register_event_duration_secs_listener(self._duration)
        jax.monitoring.register_event_listener(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        jax.monitoring.unregister_event_duration_listener(self._duration)
        jax.monitoring.unregister_event_listener(self._event)

    @property
    def compiling_for(self) -> float:
        """Seconds for which a program has been compiled now; 0 where none is."""
        since = self._compiling_since
        return 0.0 if since is None else time.perf_counter() - since

    @contextlib.contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Add the time inside to `stage`; stages do not nest."""
        began, compiling = time.perf_counter(), self.seconds["compile"]
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self.seconds[stage] += max(spent - (self.seconds["compile"] - compiling), 0.0)

    def _duration(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        """Count every second once: tracing nests, since a function traces the functions that it calls."""
        if not event.startswith(_COMPILING):
            return
        if event == _LOWERED:
            self._compiling_since = time.perf_counter()
        if event == _BACKEND:
            self._compiling_since = None
            self.programs += 1
            self.compiled += 1
        end = time.perf_counter()
        begin = end - duration_secs
        while self._intervals and self._intervals[-1][0] >= begin:
            inner = self._intervals.pop()
            self.seconds["compile"] -= inner[1] - inner[0]
        if self._intervals:
            begin = max(begin, self._intervals[-1][1])
        self._intervals.append((begin, end))
        self.seconds["compile"] += end - begin

    def _event(self, event: str, **kwargs: str | int) -> None:
        if event == _HIT:
            self.compiled -= 1
