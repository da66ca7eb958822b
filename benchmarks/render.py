"""Images a second of `jaxface.render`: many expressions of one person, and value with gradient.

Run from the checkout; for figures that compare, on one core:
    taskset -c 0 python -m benchmarks.render [--head bundled] [--batch 32]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import jax
import jax.numpy as jnp

import jaxface as jf
from benchmarks.harness import measure, report


def cases(head: jf.face.FaceModel, batch: int) -> Iterator[dict]:
    """Each case: its name, size, supersampling, and the function to time."""
    space = head.expressions
    k_value, k_chosen = jax.random.split(jax.random.key(0))
    shape = (batch, len(space.lower))
    chosen = jax.random.bernoulli(k_chosen, 0.3, shape)
    drawn = space.lower + (space.upper - space.lower) * jax.random.uniform(k_value, shape)
    expression = jnp.where(chosen, drawn, 0.0)
    params = jf.face.neutral(head)
    pose, ones = jnp.broadcast_to(params.pose, (batch, *params.pose.shape)), jnp.ones(batch)
    for size, supersample in ((48, 1), (112, 1), (112, 2), (224, 1)):
        scene = jf.render.Scene(size=size, supersample=supersample)
        prepared = jf.render.prepare(head, params, scene)
        arguments = (head, prepared, expression, pose, scene, ones, ones)
        yield {"name": "draw_many", "scene": scene, "function": jf.render.draw_many, "arguments": arguments}
        if supersample == 1 and size == 112:
            yield {"name": "value_and_grad", "scene": scene, "function": _slopes, "arguments": arguments[:5]}


@jax.jit
def _slopes(
    head: jf.face.FaceModel,
    prepared: jf.render.Prepared,
    expression: jax.Array,
    pose: jax.Array,
    scene: jf.render.Scene,
) -> tuple[jax.Array, jax.Array]:
    def loss(one: jax.Array) -> jax.Array:
        return jnp.sum(jf.render.draw(head, prepared, one, pose[0], scene) ** 2)

    return jax.lax.map(jax.value_and_grad(loss), expression)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--head", default="bundled", help="name or path for jaxface.face.load")
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    head = jf.face.load(options.head)
    for case in cases(head, options.batch):
        timing = measure(case["function"], *case["arguments"])
        report(
            "render",
            name=case["name"],
            head=head.name,
            vertices=head.template.shape[0],
            triangles=head.faces.shape[0],
            size=case["scene"].size,
            supersample=case["scene"].supersample,
            batch=options.batch,
            **timing,
            images_per_s=options.batch / timing["run_s"],
            cpu_ms_per_image=1e3 * timing["cpu_s"] / options.batch,
        )


if __name__ == "__main__":
    main()
