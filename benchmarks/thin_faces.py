"""Table 4 on rendered faces: what gating by identity and dispelling it are worth on unseen people.

    python -m benchmarks.thin_faces

The recipe `identities`: people whose manners of showing an expression differ. 200 of them to train on, 100
others to test. What follows Section 4.6 is measured on the others, too: how far identity can be told from a
representation (overlap of the distances of same and different people), |cos| of Eq. 7, and how far classes lie
apart. The oracle has no row: nobody knows the true class of an unseen person.
"""

import dataclasses
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.thin_tables import Part, Sheet, Trained, Trainer, adam, arguments, part
from jaxface.data import rendered
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.thin import ThinConfig
from jaxface.frameworks.thin.introspect import class_separation, distances, observe
from jaxface.frameworks.thin.losses import similarity
from jaxface.frameworks.thin.networks import ExogenousNetwork

ROWS = ("baseline", "ensemble", "tree", "exogenous-tree", "thin")
SIZE = 48


def main() -> None:
    options = arguments(
        __doc__, ROWS, steps=800, exogenous_steps=1500, train=8000, test=2000, people=200, others=100
    )
    about = {"data": f"rendered faces, {SIZE} pixels, unseen people", **vars(options), "out": ""}
    sheet = Sheet("thin_faces", options.out, about)
    recipe = dataclasses.replace(rendered.load_recipe("identities"), size=SIZE)
    training_people = dataclasses.replace(recipe.people, identities=options.people)
    unseen = dataclasses.replace(recipe.people, identities=options.others, first=options.people)
    train, same_people = (
        rendered.dataset(dataclasses.replace(recipe, people=training_people), count, seed)
        for count, seed in ((options.train, 0), (options.test // 2, 1))
    )
    others = rendered.dataset(dataclasses.replace(recipe, people=unseen), options.test, 2)
    print("rendered", file=sys.stderr)
    data, of_people = part(train, others), part(train, same_people)
    base = ThinConfig(exogenous=("identity",), widths=(16, 16, 32), dispelling=0.01)
    task = Task(train.labels, size=SIZE, channels=3, extras=(("identity", options.people),))
    trainer, before = Trainer(task, adam(options.steps)), Trainer(task, adam(options.exogenous_steps))
    for seed in options.seeds:
        exogenous = before(dataclasses.replace(base, variant="exogenous"), of_people, seed)
        sheet.add("exogenous: identity", exogenous)
        for variant in options.rows:
            config: Any = dataclasses.replace(base, variant=variant)
            network = trainer(config, data, seed, [exogenous.state])
            sheet.add(variant, network, **looked_into(network, exogenous, data))
    sheet.write()


def looked_into(network: Trained, exogenous: Trained, data: Part) -> dict[str, float]:
    """Section 4.6 in numbers, on the test images."""
    images, identity = np.asarray(data.test["image"]), np.asarray(data.test["identity"])
    observation = observe(network.graphdef, network.state, images)
    judge: ExogenousNetwork = nnx.merge(exogenous.graphdef, exogenous.state)
    own = judge.encoder(jnp.asarray(images, jnp.float32) / 255)
    alike = jax.vmap(similarity)(judge.classify(own), judge.classify(observation.endogenous.reshape(own.shape)))
    return {
        "similarity": float(alike.mean()),
        "identity_overlap": distances(observation.endogenous, identity).overlap,
        "identity_overlap_exogenous": distances(np.asarray(own).reshape(len(own), -1), identity).overlap,
        "class_separation": class_separation(observation.endogenous, np.asarray(data.test["label"])),
    }


if __name__ == "__main__":
    main()
