"""Today's numbers are those of `data/goldens.npz`: `python -m tests.goldens check`, as tests."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests import goldens
from tests.documents import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("name", goldens.GOLDENS)
def test_numbers_are_the_references(name: str) -> None:
    environment, reference = goldens.load()
    changes = goldens.environment_changes(environment)
    if [change.split(":")[0] for change in changes] == ["xla_flags"]:
        check_bits(name)
        return
    print("within tolerances: " + "; ".join(changes) if changes else "bit for bit")
    golden = goldens.GOLDENS[name]
    arrays = golden.compute()
    rows = goldens.differences(name, arrays, reference, exact=not changes)
    bad = [row for row in rows if not row.acceptable]
    assert not bad, f"tolerance {golden.tolerance:g} ({golden.reason}), changes {changes}: {bad}"
    if not changes:
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, reference[f"{name}/{key}"], err_msg=key, strict=True)


def check_bits(name: str) -> None:
    """Where only this suite's flags are other ones, a process with those of the reference compares the bits."""
    command = [sys.executable, "-m", "tests.goldens", "check", name]
    variables = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    process = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=600)
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stdout.startswith("bit for bit\n") and f"\n{name}" in process.stdout


@pytest.mark.parametrize("name", goldens.GOLDENS)
def test_a_changed_number_is_noticed(name: str) -> None:
    """A last bit where bits must be equal; thrice the tolerance elsewhere; a lost key or a NaN anywhere."""
    _, reference = goldens.load()
    golden, prefix = goldens.GOLDENS[name], f"{name}/"
    arrays = {key.removeprefix(prefix): array for key, array in reference.items() if key.startswith(prefix)}

    def good(numbers: goldens.Arrays, exact: bool) -> bool:
        return all(row.acceptable for row in goldens.differences(name, numbers, reference, exact))

    def with_value(key: str, place: int, value: float) -> goldens.Arrays:
        array = arrays[key].copy()
        array.flat[place] = value
        return arrays | {key: array}

    assert arrays and good(arrays, exact=True) and good(arrays, exact=False)
    for key, array in arrays.items():
        place = int(np.flatnonzero(np.isfinite(array))[-1])
        value, strict = array.flat[place], not key.startswith(golden.unsettled)
        assert not good({one: arrays[one] for one in arrays if one != key}, exact=False)
        if array.dtype.kind == "f":
            largest = np.abs(array[np.isfinite(array)]).max(initial=goldens.SMALLEST)
            outside = with_value(key, place, value + 3 * golden.tolerance * largest)
            assert not good(with_value(key, place, np.nextafter(value, array.dtype.type(np.inf))), exact=True)
            assert not good(with_value(key, place, np.nan), exact=False)
            assert good(outside, exact=False) != strict
        else:
            other = not value if array.dtype == bool else value ^ 1
            assert not good(with_value(key, place, other), exact=True)
            if array.dtype != np.uint8:
                assert good(with_value(key, place, other), exact=False) != strict
