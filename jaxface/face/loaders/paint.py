"""Build appearances from images."""

import jax.numpy as jnp
import numpy as np

from jaxface.face.appearance import Appearance


def linear_appearance(mean: np.ndarray, basis: np.ndarray | None = None, name: str = "") -> Appearance:
    """Build the appearance of a texture (H, W, 3), sRGB in [0, 1], with an optional linear basis
    (H, W, 3, A)."""
    height, width = mean.shape[:2]
    basis = np.zeros((height, width, 3, 0)) if basis is None else basis
    size = basis.shape[-1]
    return Appearance(
        mean=jnp.asarray(mean, jnp.float32),
        basis=jnp.asarray(basis, jnp.float32),
        masks=jnp.zeros((0, height, width)),
        colours=jnp.zeros((0, 3, size + 1)),
        opacities=jnp.zeros((0, size + 1)),
        wrinkle_map=jnp.zeros((height, width)),
        wrinkles=None,
        names=tuple(f"{name} {index}" for index in range(size)),
    )
