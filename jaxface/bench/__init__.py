"""Benchmarks: what rendering, classifying, searching, testing and whole audits cost on this machine.

Each suite is a module with a frozen `Settings` and `run(settings) -> Iterator[dict]`, a row a case.
"""

from jaxface.bench.suites import SUITES, Suite, load

__all__ = ["SUITES", "Suite", "load"]
