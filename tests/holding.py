"""A run's folder in the hands of another process, for which another thread stands here."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from jaxface.core import run_folder


@contextlib.contextmanager
def held_by_another(folder: Path) -> Iterator[None]:
    """Hold the folder as another process would."""
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        with run_folder.hold(folder, "work"):
            begun.set()
            ended.wait()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()
