"""Work on several items at once, and take the results in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Iterator[Result]]:
    """Give an iterator of `function(item)` in the order of the items, which works on the next few meanwhile.

    No more than `workers` results wait, so memory stays bounded. Leaving the block drops what has not begun.

        with map_ahead(measure, chunks) as results:
            for chunk, result in zip(chunks, results, strict=True): ...

    Args:
        workers: threads; None = one for each core, at most four.
    """
    count = workers or min(os.cpu_count() or 1, 4)
    pool = ThreadPoolExecutor(count)

    def results() -> Iterator[Result]:
        rest = iter(items)
        futures: deque[Future[Result]] = deque(pool.submit(function, item) for item in islice(rest, count))
        while futures:
            result = futures.popleft().result()
            futures.extend(pool.submit(function, item) for item in islice(rest, 1))
            yield result

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)
