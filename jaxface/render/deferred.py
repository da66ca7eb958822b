"""Pictures from candidate lists, LANES frames at once: the batch is the innermost axis of every array.

Each step writes one packed word a pixel and lane, and nothing else: XLA's CPU compiler makes one loop of all
that leads to one output, and computes shared parts anew for a second one. The indices into vertex rows are
shared by the lanes, so every fetch but the texture's is a row of contiguous numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array
from jaxface.render.candidates import MAX_LIST_LENGTH
from jaxface.render.indexing import fetch_rows
from jaxface.render.vertex import LANES, VertexBuffers

EMPTY_WORD = 0xFFFFFFFF  # the word of a sample that no triangle covers
_SLOT, _WEIGHT = 24, 12  # bits: a visibility word is slot | second weight | third weight
_UNIT = float(2**_WEIGHT - 1)
_BRIGHTEST = 1.5  # root of the brightest linear light that a colour word can hold
MOST_LINE = 2.0  # more than an expression line's weight
_LOGARITHM = (
    0.5849625,
    0.9618208,
    -0.320613,
    0.1417247,
    -0.07079686,
    0.04390748,
    -0.02456854,
)  # log2(1.5 + x), |x| <= .5
_EXPONENTIAL = (1.414214, 0.9802212, 0.3397273, 0.07908562, 0.01367031)  # 2 ** (.5 + x), |x| <= .5


@pytree
class Texture:
    """A texture (H, W, 4), each channel an array of its own: fetched half again as fast as texels of four.

    Attributes:
        planes: four of (H W,).
    """

    planes: tuple[Array, Array, Array, Array]
    height: int = static()
    width: int = static()


def planar_texture(texture: Array) -> Texture:
    height, width, _ = texture.shape
    red, green, blue, line = (texture[..., channel].reshape(-1) for channel in range(4))
    return Texture((red, green, blue, line), height, width)


class Slots(NamedTuple):
    """Candidates of a chunk of P pixels, K each.

    Attributes:
        x, y: (P,) centres of the pixels.
        corners: (3, K, P) int32 vertices in ascending order.
        turn: (K, P) 1 where that order is counter-clockwise as seen from outside, else -1.
        uv: (3, 2, K, P) texture coordinates of the corners.
    """

    x: Array
    y: Array
    corners: Array
    turn: Array
    uv: Array


def _broadcast_lanes(row: Array) -> Array:
    return jnp.broadcast_to(row[:, None], (row.shape[0], LANES))


class DepthTest(NamedTuple):
    """The best candidate so far, (P, LANES) each: a nearness near / area, two weights of `total`, its slot."""

    near: Array
    area: Array
    second: Array
    third: Array
    total: Array
    slot: Array


def nearest(slots: Slots, rows: VertexBuffers, first: Array | int = 0) -> DepthTest:
    """Test all slots at the pixel centres: the nearest, of equals the earlier.

    Corners come in ascending order, so that both triangles of an edge compute the same number from the same
    corners: no pixel centre falls between them. Nearness is compared as a fraction, without dividing.
    """
    x, y = _broadcast_lanes(slots.x), _broadcast_lanes(slots.y)
    zero = jnp.zeros(x.shape, jnp.float32)
    nobody = jnp.full(x.shape, MAX_LIST_LENGTH + 1, jnp.uint32)
    best = DepthTest(zero - 1e30, zero + 1.0, zero, zero, zero + 1.0, nobody)
    for k in range(slots.turn.shape[0]):
        xs = [fetch_rows(rows.x, slots.corners[i, k]) - x for i in range(3)]
        ys = [fetch_rows(rows.y, slots.corners[i, k]) - y for i in range(3)]
        near = [fetch_rows(rows.inverse_depth, slots.corners[i, k]) for i in range(3)]
        turn = -_broadcast_lanes(slots.turn[k])  # y points down
        third = turn * (xs[0] * ys[1] - ys[0] * xs[1])
        first_edge = turn * (xs[1] * ys[2] - ys[1] * xs[2])
        second = -turn * (xs[0] * ys[2] - ys[0] * xs[2])
        area = first_edge + second + third
        nearness = first_edge * near[0] + second * near[1] + third * near[2]
        inside = (jnp.minimum(jnp.minimum(first_edge, second), third) >= 0.0) & (area > 0.0)
        total = area
        if rows.inverse_w is not None:
            second, third, total = second * near[1], third * near[2], nearness
        wins = inside & (nearness * best.area > best.near * area)
        chosen = (nearness, area, second, third, total, jnp.asarray(first + k, jnp.uint32))
        best = DepthTest(*(jnp.where(wins, new, old) for new, old in zip(chosen, best, strict=True)))
    return best


def visibility_word(best: DepthTest) -> Array:
    scale = _UNIT / best.total
    second, third = (
        (best.second * scale + 0.5).astype(jnp.uint32),
        (best.third * scale + 0.5).astype(jnp.uint32),
    )
    return (best.slot << _SLOT) | (second << _WEIGHT) | third


def slot_of(word: Array) -> Array:
    """Which slot a visibility word names, int32; more than LONGEST where it names none."""
    return (word >> _SLOT).astype(jnp.int32)


def is_empty(word: Array) -> Array:
    """Whether a visibility word names no slot."""
    return word >> _SLOT > MAX_LIST_LENGTH


def nearness(best: DepthTest) -> Array:
    """How near the best candidate is; comparable between different slots of a pixel."""
    return best.near / best.area


def _weights(word: Array) -> tuple[Array, Array, Array]:
    mask = jnp.uint32(2**_WEIGHT - 1)
    second = _float((word >> _WEIGHT) & mask) * (1.0 / _UNIT)
    third = _float(word & mask) * (1.0 / _UNIT)
    return 1.0 - second - third, second, third


def _float(small: Array) -> Array:
    """Unsigned numbers below 2^31 as floats; signed conversions are vector instructions everywhere."""
    return small.astype(jnp.int32).astype(jnp.float32)


def _pair(first: Array, second: Array) -> Array:
    """Two numbers in [0, 1] as 16 bits each."""
    high, low = (
        (jnp.clip(each, 0.0, 1.0) * 65535.0 + 0.5).astype(jnp.int32).astype(jnp.uint32)
        for each in (first, second)
    )
    return (high << 16) | low


def _unpair(word: Array) -> tuple[Array, Array]:
    return _float(word >> 16) * (1.0 / 65535.0), _float(word & jnp.uint32(0xFFFF)) * (1.0 / 65535.0)


def select_slot_attribute(
    word: Array, slots: Slots
) -> tuple[Callable[[Array, int], Array], Callable[[int, int], Array]]:
    """Values at a corner of the visible triangle, chosen among those of all slots: rows of vertices, and uv."""
    slot = word >> _SLOT

    def choose(candidate: Callable[[int], Array]) -> Array:
        value = candidate(0)
        for k in range(1, slots.turn.shape[0]):
            value = jnp.where(slot == k, candidate(k), value)
        return value

    return (
        lambda plane, corner: choose(lambda k: fetch_rows(plane, slots.corners[corner, k])),
        lambda corner, axis: choose(lambda k: _broadcast_lanes(slots.uv[corner, axis, k])),
    )


def interpolate_pair(
    word: Array, row: Callable[[Array, int], Array], planes: tuple[Array | None, ...], scales: tuple[Array, ...]
) -> Array:
    """Two of the vertices' planes at the visible points, times their scales, as one word of 2 x 16 bits.

    Args:
        row: the value of a plane at a corner of the visible triangle.
    """
    weights = _weights(word)
    totals = []
    for plane, scale in zip(planes, scales, strict=True):
        total = jnp.zeros(word.shape, jnp.float32)
        if plane is not None:
            for corner in range(3):
                total = total + weights[corner] * row(plane, corner)
        totals.append(total * scale)
    return _pair(*totals)


def texture_coordinates(word: Array, coordinate: Callable[[int, int], Array]) -> Array:
    """u and v at the visible points, one word, from the corners' coordinate (corner, axis)."""
    weights = _weights(word)
    u, v = (
        weights[0] * coordinate(0, axis) + weights[1] * coordinate(1, axis) + weights[2] * coordinate(2, axis)
        for axis in range(2)
    )
    return _pair(u, v)


def colour_word(word: Array, uv: Array, light: tuple[Array, ...], texture: Texture, brightest: Array) -> Array:
    """Linear light of the samples, 11 + 11 + 10 bits of its root; NOTHING where there is no triangle.

    Args:
        light: words of two: blue and expression line, red and green; or white and line alone.
        brightest: () what light counts in.
    """
    height, width = texture.height, texture.width
    u, v = _unpair(uv)
    x = jnp.clip(u * width - 0.5, 0.0, width - 1.0)
    y = jnp.clip((1.0 - v) * height - 0.5, 0.0, height - 1.0)
    x0 = jnp.minimum(x.astype(jnp.int32), max(width - 2, 0))
    y0 = jnp.minimum(y.astype(jnp.int32), max(height - 2, 0))
    across, down = x - x0.astype(jnp.float32), y - y0.astype(jnp.float32)
    texel = y0 * width + x0
    right, below = min(1, width - 1), width * min(1, height - 1)

    def blend(channel: int) -> Array:
        plane = texture.planes[channel]
        a, b, c, d = (fetch_rows(plane, texel + step) for step in (0, right, below, below + right))
        upper, lower = a + across * (b - a), c + across * (d - c)
        return upper + down * (lower - upper)

    last, line = _unpair(light[0])
    red, green = _unpair(light[1]) if len(light) > 1 else (last, last)
    skin = (1.0 - blend(3) * line * MOST_LINE) * brightest
    linear = [blend(k) * received * skin for k, received in enumerate((red, green, last))]
    roots = [jnp.sqrt(jnp.maximum(each, 0.0)) / _BRIGHTEST for each in linear]
    return jnp.where(is_empty(word), jnp.uint32(EMPTY_WORD), _code(roots))


def _code(values: list[Array]) -> Array:
    """Three numbers in [0, 1] as 11 + 11 + 10 bits, never NOTHING."""
    red, green, blue = (
        (jnp.minimum(each, 1.0) * unit + 0.5).astype(jnp.int32).astype(jnp.uint32)
        for each, unit in zip(values, (2047.0, 2047.0, 1022.0), strict=True)
    )
    return (red << 21) | (green << 10) | blue


def _decode(word: Array) -> list[Array]:
    return [
        _float(word >> 21) * (1.0 / 2047.0),
        _float((word >> 10) & jnp.uint32(2047)) * (1.0 / 2047.0),
        _float(word & jnp.uint32(1023)) * (1.0 / 1022.0),
    ]


def tonemap_word(samples: list[Array], background: Array, gamma: Array) -> Array:
    """Display values of pixels, 11 + 11 + 10 bits, from the colour words of their samples.

    Args:
        background: (3,) linear light.
    """
    total = [jnp.zeros(samples[0].shape, jnp.float32) for _ in range(3)]
    for word in samples:
        empty = word == jnp.uint32(EMPTY_WORD)
        for k, root in enumerate(_decode(word)):
            linear = (root * _BRIGHTEST) * (root * _BRIGHTEST)
            total[k] = total[k] + jnp.where(empty, background[k], linear)
    exponent = 1.0 / gamma
    return _code([_power(jnp.minimum(each * (1.0 / len(samples)), 1.0), exponent) for each in total])


def _power(base: Array, exponent: Array) -> Array:
    """base ** exponent for bases in [0, 1], to 2e-5 of one: half a dozen vector instructions a logarithm.

    Logarithm and exponential to the base 2 by the bits of the number and a polynomial each, fitted at
    Chebyshev's points.
    """
    bits = jax.lax.bitcast_convert_type(jnp.maximum(base, 1e-12), jnp.int32)
    mantissa = jax.lax.bitcast_convert_type((bits & 0x7FFFFF) | 0x3F800000, jnp.float32)
    logarithm = _polynomial(_LOGARITHM, mantissa - 1.5) + ((bits >> 23) - 127).astype(jnp.float32)
    power = jnp.maximum(logarithm * exponent, -126.0)
    whole = jnp.floor(power)
    fraction = _polynomial(_EXPONENTIAL, power - whole - 0.5)
    scale = jax.lax.bitcast_convert_type((whole.astype(jnp.int32) + 127) << 23, jnp.float32)
    return jnp.where(base > 0.0, fraction * scale, 0.0)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    total = jnp.full_like(x, coefficients[-1])
    for each in coefficients[-2::-1]:
        total = total * x + each
    return total


def unpack(shown: Array) -> Array:
    """Display values (..., 3, P) of words (..., P)."""
    return jnp.stack(_decode(shown), axis=-2)
