"""Table 2 on dSprites drawn anew: does gating by the scale help, and dispelling it?

    python -m benchmarks.thin_dsprites

Of each seed a random sample of the grid, at 28 pixels, for which the networks have the paper's 200,000 weights.
Six scales, as the public set has, not ten.
"""

from benchmarks.thin_tables import Sheet, Trainer, adam, arguments, part
from jaxface.data.dsprites import FACTORS, SHAPES, make_dsprites
from jaxface.frameworks.common.config import Task
from jaxface.frameworks.thin import VARIANTS, ThinConfig


def main() -> None:
    options = arguments(__doc__, VARIANTS, steps=1200, exogenous_steps=1200, train=12000, test=4000)
    about = {"data": "dsprites drawn at 28 pixels", **vars(options), "out": ""}
    sheet = Sheet("thin_dsprites", options.out, about)
    task = Task(SHAPES, size=28, channels=1, extras=(("scale", FACTORS["scale"]),))
    trainer, before = Trainer(task, adam(options.steps)), Trainer(task, adam(options.exogenous_steps))
    for seed in options.seeds:
        count = options.train + options.test
        train, test = make_dsprites(count=count, seed=seed).split(options.train / count, seed)
        data = part(train, test)
        exogenous = before(ThinConfig(variant="exogenous", exogenous=("scale",)), data, seed)
        sheet.add("exogenous: scale", exogenous)
        for variant in options.rows:
            config = ThinConfig(variant=variant, exogenous=("scale",))
            sheet.add(variant, trainer(config, data, seed, [exogenous.state]))
    sheet.write()


if __name__ == "__main__":
    main()
