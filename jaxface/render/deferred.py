"""Pictures from candidate lists, LANES frames at once: the batch is every array's innermost axis.

Each step writes one packed word of 32 bits a sample and lane, and nothing else: XLA's CPU compiler
makes one loop of all that leads to one output, and computes shared parts anew for a second one. The
indices into vertex rows are shared by the lanes, so all fetches but the texture's are contiguous.

    word          bits 31                                 0   unit of each field
    visibility    | slot 8 | 2nd weight 12 | 3rd weight 12 |  slot in the pixel's list; 1 / 4095
    coordinates   | u 16           | v 16                  |  1 / 65535
    values        | one 16         | another 16            |  1 / 65535 of a scale: light, wrinkle
    colour        | red 11     | green 11     | blue 10    |  of the root of linear light
    display       | red 11     | green 11     | blue 10    |  of display values

    candidates -> nearest -> visibility -> coordinates, values -> colour -> mean -> display

The weights are perspective-correct, the first is what the others leave of one. A visibility word
whose slot is above MAX_LIST_LENGTH, and a colour word of 32 ones, is EMPTY: no triangle there. Red
and green count to 2047, blue to 1022, so that no colour is that word. The root spends its bits
where the eye, and the display exponent, tell colours apart. NaN has no place in a word.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array
from jaxface.render.candidates import MAX_LIST_LENGTH
from jaxface.render.indexing import fetch_rows
from jaxface.render.vertex import LANES, VertexBuffers

EMPTY_WORD = 0xFFFFFFFF  # of a sample that no triangle covers: 32 ones
_SLOT, _WEIGHT = 24, 12  # bits below the slot, and bits of a weight
_UNIT = float(2**_WEIGHT - 1)  # what a weight of one is written as
_BRIGHTEST = 1.5  # root of the brightest linear light that a colour word can hold
WRINKLE_SCALE = 2.0  # more than a wrinkle shows at any vertex: what a values word counts in
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
    """A texture (H, W, 4) by channels: fetched half again as fast as texels of four.

    Attributes:
        planes: four of (H W,).
    """

    planes: tuple[Array, Array, Array, Array]
    height: int = static()
    width: int = static()


def planar_texture(texture: Array) -> Texture:
    """Return a texture (H, W, 4) channel by channel."""
    height, width, _ = texture.shape
    red, green, blue, wrinkle = (texture[..., channel].reshape(-1) for channel in range(4))
    return Texture((red, green, blue, wrinkle), height, width)


class Slots(NamedTuple):
    """Candidates of a chunk of P pixels, K each.

    Attributes:
        x, y: (P,) centres of the pixels.
        corners: (3, K, P) int32 vertices in ascending order.
        orientation: (K, P) 1 where that order is counter-clockwise as seen from outside, else -1.
        uv: (3, 2, K, P) texture coordinates of the corners.
    """

    x: Array
    y: Array
    corners: Array
    orientation: Array
    uv: Array


def _broadcast_lanes(row: Array) -> Array:
    return jnp.broadcast_to(row[:, None], (row.shape[0], LANES))


class DepthTest(NamedTuple):
    """The nearest candidate so far, (P, LANES) each.

    Attributes:
        depth: inverse depth times area: compared as a fraction, without dividing.
        area: twice the triangle's, on the screen.
        second, third: weights of those corners, in shares of `total`.
        total: of the three weights.
        slot: uint32, above MAX_LIST_LENGTH where no candidate covers the sample.
    """

    depth: Array
    area: Array
    second: Array
    third: Array
    total: Array
    slot: Array


def nearest(slots: Slots, vertices: VertexBuffers, first: Array | int = 0) -> DepthTest:
    """Test all slots at the pixel centres; return the nearest, of equals the earlier.

    Corners come in ascending order, so that both triangles of an edge compute the same number from
    the same corners: no pixel centre falls between them.

    Args:
        first: the number of the first slot.
    """
    x, y = _broadcast_lanes(slots.x), _broadcast_lanes(slots.y)
    zero = jnp.zeros(x.shape, jnp.float32)
    no_slot = jnp.full(x.shape, MAX_LIST_LENGTH + 1, jnp.uint32)
    best = DepthTest(zero - 1e30, zero + 1.0, zero, zero, zero + 1.0, no_slot)
    for k in range(slots.orientation.shape[0]):
        # Corners relative to the pixel centre: an edge's area function is then one cross product.
        xs = [fetch_rows(vertices.x, slots.corners[i, k]) - x for i in range(3)]
        ys = [fetch_rows(vertices.y, slots.corners[i, k]) - y for i in range(3)]
        inverse_depth = [fetch_rows(vertices.inverse_depth, slots.corners[i, k]) for i in range(3)]
        sign = -_broadcast_lanes(slots.orientation[k])  # y points down
        # Each is twice the area of the triangle between the centre and the edge opposite a corner.
        third = sign * (xs[0] * ys[1] - ys[0] * xs[1])
        first_edge = sign * (xs[1] * ys[2] - ys[1] * xs[2])
        second = -sign * (xs[0] * ys[2] - ys[0] * xs[2])
        area = first_edge + second + third
        depth = first_edge * inverse_depth[0] + second * inverse_depth[1] + third * inverse_depth[2]
        inside = (jnp.minimum(jnp.minimum(first_edge, second), third) >= 0.0) & (area > 0.0)
        total = area
        if vertices.inverse_w is not None:
            # Weights on the surface are those on the screen / distance, whose sum is `depth`.
            second, third, total = second * inverse_depth[1], third * inverse_depth[2], depth
        wins = inside & (depth * best.area > best.depth * area)
        candidate = (depth, area, second, third, total, jnp.asarray(first + k, jnp.uint32))
        best = DepthTest(*(jnp.where(wins, new, old) for new, old in zip(candidate, best, strict=True)))
    return best


def visibility_word(best: DepthTest) -> Array:
    """Return the visibility word of the nearest candidates."""
    scale = _UNIT / best.total
    second, third = (
        (best.second * scale + 0.5).astype(jnp.uint32),
        (best.third * scale + 0.5).astype(jnp.uint32),
    )
    return (best.slot << _SLOT) | (second << _WEIGHT) | third


def slot_of(word: Array) -> Array:
    """Return the slot of a visibility word, int32; more than MAX_LIST_LENGTH where it is empty."""
    return (word >> _SLOT).astype(jnp.int32)


def is_empty(word: Array) -> Array:
    """Return whether a visibility word names no slot."""
    return word >> _SLOT > MAX_LIST_LENGTH


def inverse_depth_of(best: DepthTest) -> Array:
    """Return the inverse depth of the nearest candidates, comparable between slots of a pixel."""
    return best.depth / best.area


def _weights(word: Array) -> tuple[Array, Array, Array]:
    mask = jnp.uint32(2**_WEIGHT - 1)
    second = _float((word >> _WEIGHT) & mask) * (1.0 / _UNIT)
    third = _float(word & mask) * (1.0 / _UNIT)
    return 1.0 - second - third, second, third


def _float(small: Array) -> Array:
    """Unsigned numbers below 2^31 as floats: signed conversions are vector instructions everywhere."""
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
    """Return two functions: a column's value, and u or v, at a corner of the visible triangle.

    All slots' values are fetched, and the visible one's is selected: slots are shared by the lanes,
    and a few rows of contiguous numbers cost less than one fetch lane by lane.
    """
    slot = word >> _SLOT

    def select(of_slot: Callable[[int], Array]) -> Array:
        value = of_slot(0)
        for k in range(1, slots.orientation.shape[0]):
            value = jnp.where(slot == k, of_slot(k), value)
        return value

    return (
        lambda column, corner: select(lambda k: fetch_rows(column, slots.corners[corner, k])),
        lambda corner, axis: select(lambda k: _broadcast_lanes(slots.uv[corner, axis, k])),
    )


def interpolate_pair(
    word: Array,
    value_at: Callable[[Array, int], Array],
    columns: tuple[Array | None, ...],
    scales: tuple[Array, ...],
) -> Array:
    """Return two columns at the visible points, times their scales, as one values word.

    Args:
        value_at: the value of a column at a corner of the visible triangle.
        columns: (V, LANES) each; None stands for zeros.
    """
    weights = _weights(word)
    totals = []
    for column, scale in zip(columns, scales, strict=True):
        total = jnp.zeros(word.shape, jnp.float32)
        if column is not None:
            for corner in range(3):
                total = total + weights[corner] * value_at(column, corner)
        totals.append(total * scale)
    return _pair(*totals)


def texture_coordinates(word: Array, coordinate: Callable[[int, int], Array]) -> Array:
    """Return the coordinates word at the visible points, from `coordinate(corner, axis)`."""
    weights = _weights(word)
    u, v = (
        weights[0] * coordinate(0, axis) + weights[1] * coordinate(1, axis) + weights[2] * coordinate(2, axis)
        for axis in range(2)
    )
    return _pair(u, v)


def colour_word(word: Array, uv: Array, light: tuple[Array, ...], texture: Texture, brightest: Array) -> Array:
    """Return the colour word of the samples; EMPTY_WORD where there is no triangle.

    Args:
        word: visibility words.
        light: values words: blue and wrinkle, red and green; or white and wrinkle alone.
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

    last, wrinkle = _unpair(light[0])
    red, green = _unpair(light[1]) if len(light) > 1 else (last, last)
    skin = (1.0 - blend(3) * wrinkle * WRINKLE_SCALE) * brightest
    linear = [blend(k) * channel * skin for k, channel in enumerate((red, green, last))]
    roots = [jnp.sqrt(jnp.maximum(each, 0.0)) / _BRIGHTEST for each in linear]
    return jnp.where(is_empty(word), jnp.uint32(EMPTY_WORD), _code(roots))


def _code(values: list[Array]) -> Array:
    """Three numbers in [0, 1] as 11 + 11 + 10 bits, never EMPTY_WORD."""
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
    """Return the display word of pixels: the mean of their samples' colour words, in linear light.

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
    """base ** exponent for bases in [0, 1], to 2e-5 of one: half a dozen vector instructions.

    To the base 2: the whole part is the float's exponent bits, the fraction a polynomial of the
    mantissa, fitted at Chebyshev's points.
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


def unpack(word: Array) -> Array:
    """Return display values (..., 3, P) of display words (..., P)."""
    return jnp.stack(_decode(word), axis=-2)
