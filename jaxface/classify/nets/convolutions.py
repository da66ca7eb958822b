"""Convolutions in the form that is fast on the platform, with explicit TF SAME padding.

XLA's grouped convolution is 10-15 times slower on the CPU than shifted multiply-adds, and its strided
convolution of an image with three channels has a slow gradient; accelerators are fastest with `lax` for
all. Maps are (B, H, W, C), kernels (height, width, in, out), as in TensorFlow and Flax.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaxface.classify.nets import winograd
from jaxface.core.target import layout
from jaxface.core.types import Array

Padding = Literal["SAME", "VALID"] | int | Sequence[tuple[int, int]]
Pairs = tuple[tuple[int, int], tuple[int, int]]

_FEW_CHANNELS = 8  # up to here, patches are copied faster on the CPU than `lax` convolves,
_MOST_COPIES = 9  # if a pixel lies in no more than so many of them


def on_cpu() -> bool:
    """Return whether the program that is traced now will run on the CPU: the default device."""
    device: Any = jax.config.values["jax_default_device"]
    return (getattr(device, "platform", device) or layout()) == "cpu"


def pad_pairs(padding: Padding, sizes: Sequence[int], kernel: Sequence[int], stride: int) -> Pairs:
    """Return the numbers of zeros around rows and columns; SAME as in TensorFlow (the odd one at the end).

    Args:
        padding: "SAME", "VALID", one number for all four sides (as PyTorch pads) or the two pairs themselves.
        sizes: (H, W) of the map.
        kernel: (height, width) of the kernel.
    """
    if padding == "VALID":
        return ((0, 0), (0, 0))
    if isinstance(padding, int):
        return ((padding, padding), (padding, padding))
    if padding != "SAME":
        rows, columns = padding
        return ((int(rows[0]), int(rows[1])), (int(columns[0]), int(columns[1])))
    missing = [
        max((-(-size // stride) - 1) * stride + length - size, 0)
        for size, length in zip(sizes, kernel, strict=True)
    ]
    rows, columns = ((total // 2, total - total // 2) for total in missing)
    return (rows, columns)


def depthwise(
    maps: Array, kernel: Array, stride: int = 1, padding: Padding = "SAME", bias: Array | None = None
) -> Array:
    """Convolve each channel with a kernel of its own.

    Args:
        maps: (B, H, W, C).
        kernel: (height, width, C).
        bias: (C,), added. On the CPU the sum over the taps begins with it: were it added to that sum, XLA would
            compute both anew for each pass of a LayerNorm behind.
    Returns:
        (B, H', W', C). On the CPU it has a gradient but no forward-mode derivative.
    """
    pairs = pad_pairs(padding, maps.shape[1:3], kernel.shape[:2], stride)
    if on_cpu():
        return _shifted(maps, kernel, bias, stride, pairs)
    out = lax.conv_general_dilated(
        maps,
        kernel[:, :, None, :],
        (stride, stride),
        pairs,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=maps.shape[-1],
    )
    return out if bias is None else out + bias.reshape(1, 1, 1, -1)


def pointwise(maps: Array, kernel: Array) -> Array:
    """Compute the 1 x 1 convolution as one matrix product: (B, H, W, C) by (C, F) -> (B, H, W, F)."""
    return (maps.reshape(-1, maps.shape[-1]) @ kernel).reshape(*maps.shape[:-1], kernel.shape[-1])


def convolution(maps: Array, kernel: Array, stride: int = 1, padding: Padding = "SAME") -> Array:
    """Compute the full convolution (B, H, W, C) by (height, width, C, F) -> (B, H', W', F), without a bias."""
    pairs = pad_pairs(padding, maps.shape[1:3], kernel.shape[:2], stride)
    copies = kernel.shape[0] * kernel.shape[1] / stride**2
    if maps.shape[-1] <= _FEW_CHANNELS and copies <= _MOST_COPIES and on_cpu():
        inputs, outputs = kernel.shape[2:]
        if (inputs == 1 and outputs <= _FEW_CHANNELS) or (stride == 1 and 1 < outputs <= inputs):
            return _few_to_few(maps, kernel, stride, pairs)
        return _gathered(maps, kernel, stride, pairs)
    if on_cpu() and winograd.pays(maps, kernel, stride, pairs):
        return winograd.convolution(maps, kernel, pairs)
    return lax.conv_general_dilated(
        maps, kernel, (stride, stride), pairs, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _gathered(maps: Array, kernel: Array, stride: int, pairs: Pairs) -> Array:
    """Patches times kernel: a patch's row is copied as a few contiguous runs, `stride` pixels each."""
    batch, height, width, channels = maps.shape
    (top, bottom), (left, right) = pairs
    tall, wide = kernel.shape[:2]
    out_height = (height + top + bottom - tall) // stride + 1
    out_width = (width + left + right - wide) // stride + 1
    rows, columns = out_height + (tall - 1) // stride, out_width + (wide - 1) // stride
    after = (stride * rows - height - top, stride * columns - width - left)
    maps = lax.pad(
        maps, jnp.zeros((), maps.dtype), ((0, 0, 0), (top, after[0], 0), (left, after[1], 0), (0, 0, 0))
    )
    maps = maps.reshape(batch, rows, stride, columns, stride * channels)
    runs = [
        maps[:, i // stride : i // stride + out_height, i % stride, j : j + out_width][
            ..., : (wide - j * stride) * channels
        ]
        for i in range(tall)
        for j in range(-(-wide // stride))
    ]
    return pointwise(jnp.concatenate(runs, -1), kernel.reshape(-1, kernel.shape[-1]))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _few_to_few(maps: Array, kernel: Array, stride: int, pairs: Pairs) -> Array:
    """As `_gathered`, for few outputs, where its patches would be large beside the result."""
    if maps.shape[-1] == 1:
        copies = jnp.broadcast_to(maps, (*maps.shape[:3], kernel.shape[-1]))
        return _multiply_add(copies, kernel[:, :, 0], stride, pairs)
    return _gathered_in_rows(maps, kernel, pairs)


def _few_to_few_backward(
    stride: int, pairs: Pairs, residuals: tuple[Array, Array], outer: Array
) -> tuple[Array, Array]:
    """The gradient of the plain form, which is one product and faster."""
    return jax.vjp(lambda maps, kernel: _gathered(maps, kernel, stride, pairs), *residuals)[1](outer)


_few_to_few.defvjp(lambda *arguments: (_few_to_few(*arguments), arguments[:2]), _few_to_few_backward)


def _gathered_in_rows(maps: Array, kernel: Array, pairs: Pairs) -> Array:
    """Stride 1 with a third of the copies: patches one row high times the kernel's rows side by side, then
    the sum of what each row gave, shifted."""
    maps = jnp.pad(maps, ((0, 0), *pairs, (0, 0)))
    tall, wide, inputs, outputs = kernel.shape
    height, width = maps.shape[1] - tall + 1, maps.shape[2] - wide + 1
    patches = jnp.concatenate([maps[:, :, j : j + width] for j in range(wide)], -1)
    products = pointwise(patches, kernel.transpose(1, 2, 0, 3).reshape(wide * inputs, tall * outputs))
    shares = [products[:, i : i + height, :, i * outputs : (i + 1) * outputs] for i in range(tall)]
    return functools.reduce(jnp.add, shares)


def _multiply_add(maps: Array, kernel: Array, stride: int, pairs: Pairs, bias: Array | None = None) -> Array:
    """The bias and the sum over the kernel's taps of the shifted, strided map times the tap."""
    maps = jnp.pad(maps, ((0, 0), *pairs, (0, 0)))
    taps = shifted_maps(maps, kernel.shape[:2], stride)
    terms = [tap * kernel[i, j].reshape(1, 1, 1, -1) for (i, j), tap in taps]
    if bias is not None:
        terms.insert(0, jnp.broadcast_to(bias.reshape(1, 1, 1, -1), terms[0].shape))
    return functools.reduce(jnp.add, terms)


def shifted_maps(maps: Array, window: Sequence[int], stride: int) -> Iterator[tuple[tuple[int, int], Array]]:
    """Yield the places (row, column) of a window, each with its strided map (B, H', W', C)."""
    rows, columns = (
        (length - size) // stride * stride + 1 for length, size in zip(maps.shape[1:3], window, strict=True)
    )
    for i, j in itertools.product(range(window[0]), range(window[1])):
        yield (i, j), maps[:, i : i + rows : stride, j : j + columns : stride]


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _shifted(maps: Array, kernel: Array, bias: Array | None, stride: int, pairs: Pairs) -> Array:
    return _multiply_add(maps, kernel, stride, pairs, bias)


def _shifted_backward(
    stride: int, pairs: Pairs, residuals: tuple, outer: Array
) -> tuple[Array, Array, Array | None]:
    """The gradient as shifted multiply-adds again, one for each phase of the stride, interleaved; the
    gradient that JAX derives has `pad`s that do not vectorise."""
    maps, kernel, bias = residuals
    size = [-(-(length + before) // stride) for length, (before, _) in zip(maps.shape[1:3], pairs, strict=True)]
    phases = []
    for row in range(stride):
        for column in range(stride):
            taps = kernel[row::stride, column::stride][::-1, ::-1]
            if taps.size == 0:  # a stride longer than the kernel skips pixels
                phases.append(jnp.zeros((outer.shape[0], *size, outer.shape[-1]), outer.dtype))
                continue
            around = tuple((taps.shape[axis] - 1, size[axis] - outer.shape[axis + 1]) for axis in (0, 1))
            phases.append(_correlate(outer, taps, around))
    (top, _), (left, _) = pairs
    whole = interleave(phases, stride)
    for_maps = whole[:, top : top + maps.shape[1], left : left + maps.shape[2]]
    for_kernel = _kernel_gradient(maps, outer, kernel.shape[:2], stride, pairs)
    return for_maps, for_kernel, None if bias is None else _channel_sums(outer)


def _kernel_gradient(maps: Array, outer: Array, window: tuple[int, int], stride: int, pairs: Pairs) -> Array:
    """Return the gradient (height, width, C) of the taps: each sums its shifted map times the outer one."""
    maps = jnp.pad(maps, ((0, 0), *pairs, (0, 0)))
    sums = [_channel_sums(tap * outer) for _, tap in shifted_maps(maps, window, stride)]
    return jnp.stack(sums).reshape(*window, maps.shape[-1])


def _channel_sums(maps: Array) -> Array:
    """Return the sums (C,) over all pixels of (B, H, W, C), as a product with ones: XLA's reduction over
    leading axes goes channel by channel through all of memory, and takes three times the time."""
    pixels = maps.reshape(-1, maps.shape[-1])
    ones = jnp.ones(len(pixels), maps.dtype)
    return jnp.matmul(ones, pixels, preferred_element_type=jnp.float32).astype(maps.dtype)


def interleave(phases: Sequence[Array], stride: int) -> Array:
    """Return one map (B, H stride, W stride, C) from its stride^2 sub-grids (B, H, W, C), row offset first."""
    batch, height, width, channels = phases[0].shape
    whole = jnp.stack(phases, 3).reshape(batch, height, width, stride, stride, channels)
    return whole.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * stride, width * stride, channels)


def _correlate(outer: Array, taps: Array, around: tuple[tuple[int, int], ...]) -> Array:
    """Stride-1 multiply-add with `around` zeros; a negative number crops."""
    config = [(0, 0, 0), *((before, after, 0) for before, after in around), (0, 0, 0)]
    outer_padding = lax.pad(outer, jnp.zeros((), outer.dtype), config)
    return _multiply_add(outer_padding, taps, 1, ((0, 0), (0, 0)))


_shifted.defvjp(
    lambda maps, kernel, bias, stride, pairs: (
        _multiply_add(maps, kernel, stride, pairs, bias),
        (maps, kernel, bias),
    ),
    _shifted_backward,
)
