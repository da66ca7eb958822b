"""Work ahead: in order, bounded, and dropped where nobody waits for it."""

import threading
import time

import pytest

from jaxface.core.threads import map_ahead


def test_results_come_in_order_whatever_takes_longest() -> None:
    with map_ahead(lambda delay: time.sleep(delay) or delay, [0.05, 0.0, 0.02, 0.0], workers=3) as results:
        assert list(results) == [0.05, 0.0, 0.02, 0.0]


def test_no_more_than_the_workers_are_ahead_of_the_caller() -> None:
    calls: list[int] = []
    with map_ahead(lambda item: calls.append(item) or item, range(100), workers=2) as results:
        for item in results:
            assert len(calls) <= item + 3
    assert calls[-1] == 99


def test_an_error_reaches_the_caller_and_the_rest_is_dropped() -> None:
    calls: list[int] = []

    def work(item: int) -> int:
        calls.append(item)
        if item == 1:
            raise ValueError("the second")
        return item

    with pytest.raises(ValueError, match="the second"), map_ahead(work, range(50), workers=2) as results:
        list(results)
    assert len(calls) <= 4


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    with map_ahead(lambda item: item, range(1000), workers=2) as results:
        assert next(results) == 0
    assert threading.active_count() == before
