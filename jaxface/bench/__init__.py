"""Benchmarks: the cost of rendering, classifying, searching, testing and whole audits on this
machine.

Each suite is a module with a frozen `Settings` and `run(settings) -> Iterator[dict]`, one row per
case. Comparisons with other programs are in `benchmarks/`, which is no part of the package.
"""

from jaxface.bench.suites import SUITES, Suite, load

__all__ = ["SUITES", "Suite", "load"]
