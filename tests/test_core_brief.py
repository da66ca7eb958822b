"""Programs that are compiled in haste, and numbers that reach a device without a program."""

import jax
import jax.monitoring
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.arrays import on_device, rows_of
from jaxface.core.runtime import brief, hasty_options


@pytest.fixture
def compiled(request):
    """Names of the programs that are compiled during a test."""
    names = []

    def note(event, seconds, **facts):
        if event.endswith("backend_compile_duration"):
            names.append(facts.get("fun_name", ""))

    jax.monitoring.register_event_duration_secs_listener(note)
    yield names
    jax.monitoring.unregister_event_duration_listener(note)


def test_a_brief_program_gives_the_same_numbers_alone_and_within_another(compiled):
    assert hasty_options() == {"xla_backend_optimization_level": 0}

    def power(x, exponent):
        return jnp.stack([x**exponent, x + 1])

    hasty, x = brief(power, static_argnums=1), np.arange(5.0, dtype=np.float32)
    alone = hasty(x, 3)
    assert len(compiled) == 1 and hasty(x + 1, 3).shape == (2, 5) and len(compiled) == 1
    np.testing.assert_array_equal(alone, [x**3, x + 1])
    # Only outermost programs may have options of their own.
    np.testing.assert_array_equal(jax.jit(lambda x: hasty(x, 3))(x), alone)
    np.testing.assert_array_equal(jax.vmap(lambda x: hasty(x, 3))(x[:, None])[:, :, 0].T, alone)
    assert jax.grad(lambda x: hasty(x, 3)[0].sum())(x).tolist() == (3 * x**2).tolist()


@pytest.mark.parametrize("values", [np.ones((7, 1, 5)), [[1, 2], [3, 4]], 2.5, np.ones((3, 11), bool)])
def test_numbers_reach_a_device_as_by_asarray_but_compile_nothing(values, compiled):
    array = on_device(values)
    assert not compiled
    expected = jnp.asarray(values)
    assert array.dtype == expected.dtype and not array.weak_type
    np.testing.assert_array_equal(array, expected)
    assert on_device(values, np.int32).dtype == jnp.int32


def test_rows_of_keys_are_taken_on_the_host(compiled):
    keys = jax.random.split(jax.random.key(3), (4, 2))
    expected = jax.random.key_data(keys[np.array([2, 0]), 1])
    del compiled[:]
    rows = rows_of(keys, (np.array([2, 0]), 1))
    assert not compiled and rows.dtype == keys.dtype
    np.testing.assert_array_equal(jax.random.key_data(rows), expected)
    np.testing.assert_array_equal(rows_of(np.arange(5), [1, 3]), [1, 3])
