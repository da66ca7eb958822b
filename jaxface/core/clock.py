"""Seconds by what they were spent on, with JAX's tracing and compiling kept apart from running."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

import jax.monitoring

_COMPILING = "/jax/core/compile/"
_HIT = "/jax/compilation_cache/cache_hits"
_BACKEND = "/jax/core/compile/backend_compile_duration"


class Clock:
    """Wall seconds of each stage; a context manager that hears of compilations while it is open.

    Attributes:
        seconds: of each stage, without what was traced and compiled meanwhile; `compile` has that.
        programs: how many were handed to the compiler or found in its cache.
        compiled: how many of them were not found in the persistent cache (all, where there is none).
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.programs = self.compiled = 0
        self._heard: list[tuple[float, float]] = []

    def __enter__(self) -> Clock:
        jax.monitoring.register_event_duration_secs_listener(self._duration)
        jax.monitoring.register_event_listener(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        jax.monitoring.unregister_event_duration_listener(self._duration)
        jax.monitoring.unregister_event_listener(self._event)

    @contextlib.contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Time spent inside goes to `stage`; stages do not nest."""
        began, compiling = time.perf_counter(), self.seconds["compile"]
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self.seconds[stage] += max(spent - (self.seconds["compile"] - compiling), 0.0)

    def _duration(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        """Tracing nests (a function traces the functions that it calls); every second is counted once."""
        if not event.startswith(_COMPILING):
            return
        if event == _BACKEND:
            self.programs += 1
            self.compiled += 1
        end = time.perf_counter()
        begin = end - duration_secs
        while self._heard and self._heard[-1][0] >= begin:
            inner = self._heard.pop()
            self.seconds["compile"] -= inner[1] - inner[0]
        if self._heard:
            begin = max(begin, self._heard[-1][1])
        self._heard.append((begin, end))
        self.seconds["compile"] += end - begin

    def _event(self, event: str, **kwargs: str | int) -> None:
        if event == _HIT:
            self.compiled -= 1
