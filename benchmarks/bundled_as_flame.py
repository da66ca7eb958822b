"""The bundled head in FLAME's format, to run what is meant for FLAME without FLAME's files.

    python -m benchmarks.bundled_as_flame runs/flame
    jaxface audit --config paper-strict --head runs/flame/bundled_as_flame.npz \
        --texture runs/flame/FLAME_texture.npz

Geometry and expressions are the bundled head's, laid out as FLAME's: identity directions and expression
components with standard normal coefficients, none of them one bone for both sides; the texture is the mean
and the principal components of people drawn from its population, without wrinkles.
"""

import argparse
from pathlib import Path

import jax
import numpy as np

from jaxface import face
from jaxface.face.appearance import texture

SHAPES, FIRST_EXPRESSION = 400, 300
PEOPLE, TEXTURES = 60, 30


def flame_arrays(head: face.FaceModel) -> dict[str, np.ndarray]:
    """Return the arrays of a FLAME file; unused directions are zero."""
    identity = np.asarray(head.identity_basis)
    weights = np.asarray(head.population.weights)
    means = np.asarray(head.population.mean)[:, : identity.shape[-1]]
    variance = np.asarray(head.population.deviation)[:, : identity.shape[-1]] ** 2
    mean = weights @ means
    deviation = np.sqrt(weights @ (variance + (means - mean) ** 2))
    expression = np.asarray(head.expression_basis)
    if head.shared_basis is not None:
        expression = expression + np.asarray(head.shared_basis)
    shapedirs = np.zeros((len(head.template), 3, SHAPES))
    shapedirs[..., : identity.shape[-1]] = identity * deviation
    shapedirs[..., FIRST_EXPRESSION : FIRST_EXPRESSION + expression.shape[-1]] = expression
    parents = np.array([2**32 - 1, *head.parents[1:]], np.int64)
    return {
        "v_template": np.asarray(head.template) + identity @ mean,
        "f": np.asarray(head.faces).astype(np.uint32),
        "shapedirs": shapedirs,
        "posedirs": np.zeros((len(head.template), 3, 36)),
        "J_regressor": np.asarray(head.joint_regressor),
        "weights": np.asarray(head.skinning_weights),
        "kintree_table": np.stack([parents, np.arange(len(parents))]).astype(np.uint32),
    }


def texture_arrays(head: face.FaceModel) -> dict[str, np.ndarray]:
    """Return the arrays of FLAME_texture.npz: values in 0..255, channels blue, green, red."""
    people = face.sample_population(jax.random.key(0), head, PEOPLE)
    textures = np.stack([np.asarray(texture(head.appearance, albedo)) for albedo in people.albedo])
    # from linear light to display values
    textures = np.clip(textures[..., 2::-1], 0, 1) ** (1 / 2.2) * 255
    mean = textures.mean(0)
    flat = (textures - mean).reshape(PEOPLE, -1)
    _, sizes, directions = np.linalg.svd(flat, full_matrices=False)
    scaled = directions[:TEXTURES] * sizes[:TEXTURES, None] / np.sqrt(PEOPLE - 1)
    return {
        "mean": mean,
        "tex_dir": np.moveaxis(scaled.reshape(TEXTURES, *mean.shape), 0, -1),
        "vt": np.asarray(head.uv),
        "ft": np.asarray(head.uv_faces),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    head = face.load("bundled")
    np.savez(out / "bundled_as_flame.npz", **flame_arrays(head))
    np.savez(out / "FLAME_texture.npz", **texture_arrays(head))
    print(f"wrote {out / 'bundled_as_flame.npz'} and {out / 'FLAME_texture.npz'}")


if __name__ == "__main__":
    main()
