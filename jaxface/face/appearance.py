"""From albedo coefficients to a texture, and the wrinkles of an expression.

A texture is a mean plus a linear basis (as in FLAME's and the Basel face model's texture spaces),
over which layers are painted: each a mask with a colour and an opacity that depend on the
coefficients. The bundled head has layers alone; FLAME the linear basis alone.
"""

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array


@pytree
class Wrinkles:
    """Wrinkles that an expression makes: nasolabial, glabella, forehead, each once a side.

    The wrinkle map is a picture in the texture's fourth channel; how strongly it shows at a vertex
    is `region @ clip(strength)`, where a wrinkle's strength is a linear feature of the expression's
    displacement *after* symmetry, so that a frozen side stays smooth.

    Attributes:
        feature: (V, 3, L) strength = sum(displacement * feature), 1 at the strongest prototype.
        region: (V, L) where on the head wrinkle l shows, in [0, 1].
        names: L names.
    """

    feature: Array
    region: Array
    names: tuple[str, ...] = static(default=())


@pytree
class Appearance:
    """How a model turns albedo coefficients (A,) into a texture. Colours are sRGB in [0, 1].

    Attributes:
        mean: (H, W, 3).
        basis: (H, W, 3, A) linear part; the last axis may be 0 where the layers do all.
        masks: (L, H, W) coverage of each layer in [0, 1]; L may be 0.
        colours: (L, 3, A + 1) a layer's colour is `colours @ [albedo, 1]`, clipped to [0, 1].
        opacities: (L, A + 1) a layer's opacity is `opacities @ [albedo, 1]`, clipped to [0, 1].
        wrinkle_map: (H, W) darkness of wrinkles in [0, 1], zero where there are none.
        wrinkles: None for a model without wrinkles.
        names: A names of the coefficients.
    """

    mean: Array
    basis: Array
    masks: Array
    colours: Array
    opacities: Array
    wrinkle_map: Array
    wrinkles: Wrinkles | None
    names: tuple[str, ...] = static(default=())


def albedo_size(appearance: Appearance) -> int:
    """Return A, the number of albedo coefficients that the model takes."""
    return appearance.opacities.shape[-1] - 1


def texture(appearance: Appearance, albedo: Array) -> Array:
    """Return one face's texture, (H, W, 4): linear-light RGB albedo in [0, 1], wrinkle map.

    Args:
        albedo: (A,) coefficients.
    """
    size = appearance.basis.shape[-1]
    colour = appearance.mean + appearance.basis @ albedo[:size] if size else appearance.mean
    affine = jnp.concatenate([albedo, jnp.ones(1, albedo.dtype)])

    def paint_layer(below: Array, layer: tuple[Array, Array, Array]) -> tuple[Array, None]:
        mask, colours, opacities = layer
        opacity = mask * jnp.clip(opacities @ affine, 0.0, 1.0)
        paint = jnp.clip(colours @ affine, 0.0, 1.0)[None, None]
        return below + opacity[..., None] * (paint - below), None

    layers = (appearance.masks, appearance.colours, appearance.opacities)
    colour, _ = jax.lax.scan(paint_layer, jnp.clip(colour, 0.0, 1.0), layers)
    linear = srgb_to_linear(colour.reshape(-1)).reshape(colour.shape)
    return jnp.concatenate([linear, appearance.wrinkle_map[..., None]], axis=-1)


MAX_WRINKLE = 1.2
"""Strength beyond which a wrinkle grows no deeper; 1 is that of the strongest prototype."""


def wrinkle_weights(wrinkles: Wrinkles | None, displacement: Array) -> Array:
    """Return how strongly the wrinkle map shows at each vertex, (V,) in [0, MAX_WRINKLE].

    Args:
        displacement: (V, 3) what the expression did to the template, metres, symmetry included.
    """
    if wrinkles is None:
        return jnp.zeros(displacement.shape[0], displacement.dtype)
    strength = jnp.einsum("vc,vcl->l", displacement, wrinkles.feature)
    return wrinkle_map_weights(wrinkles.region, strength)


def wrinkle_map_weights(region: Array, strength: Array, factor: Array | float = 1.0) -> Array:
    """Return how strongly the wrinkle map shows, (V,), or (V, LANES) for LANES faces.

    Args:
        region: (V, L) as in `Wrinkles`.
        strength: (L,) of each wrinkle before clipping, or (L, LANES).
        factor: by which all of them are deepened; or (1, LANES).
    """
    return region @ (factor * jnp.clip(strength, 0.0, MAX_WRINKLE))


def srgb_to_linear(colour: Array) -> Array:
    """Return linear light of display values in [0, 1], by the exponent 2.2 that `render` undoes."""
    return jnp.exp(2.2 * jnp.log(jnp.maximum(colour, 1e-6)))  # faster on the CPU than a power
