"""How far each method of mending comes, over seeds: bias, accuracy and agreement of people held out.

    python -m benchmarks.mending --classifier face-api --seeds 0 1 2 --runs runs/mending \
        --out benchmarks/results

Each seed and method is a `jaxface mend` in a folder of its own, so that what was stopped goes on. A JSON line
for each candidate, on the people by whom was chosen, and one for the choice before and after, on the others.
`--search none` shows the closing audit hand-set expressions; else they are searched on each network.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from benchmarks.rows import write_rows
from jaxface import classify
from jaxface.core import progress, runtime
from jaxface.mending import MendConfig, MendResult, mend
from jaxface.mending.config import TestHeadConfig
from jaxface.mending.ground import TESTING, build_ground, plain_faces, unchanged_pictures
from jaxface.mending.measures import logits_of
from jaxface.search import SearchConfig


@dataclass(frozen=True)
class Settings:
    """What is mended, how, and how often."""

    classifier: str = "face-api"
    against: tuple[str, ...] = ("symmetry",)
    watch: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("consistency",)
    """One after another, each alone."""

    part: Literal["all", "last"] = "all"
    alpha: tuple[float, ...] = (0.1, 0.5)
    seeds: tuple[int, ...] = (0, 1, 2)
    steps: int = 200
    people: int = 150
    audit_people: int = 8
    learning_rate: float = 3e-4
    search: Literal["hybrid", "none"] = "hybrid"
    test_head: TestHeadConfig = field(default_factory=TestHeadConfig)

    runs: Path = Path("runs/mending")
    """Folder of the mendings."""

    out: Path | None = None
    """A .jsonl file, or a folder for dated ones; none = print only."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """Mend, and yield the lines of each seed and method."""
    for seed in settings.seeds:
        for method in settings.methods:
            config = mend_config(settings, method, seed)
            name = "-".join([settings.classifier, *settings.against, method, settings.part, str(seed)])
            meter = progress.for_terminal(quiet=False)
            result = mend(config, settings.runs / name, meter)
            about = {
                "classifier": settings.classifier,
                "against": list(settings.against),
                "method": method,
                "part": settings.part,
                "seed": seed,
                "steps": settings.steps,
                "people": settings.people,
            }
            for row in result.curve:
                yield {**about, "kind": "candidate", **row}
            if result.choice is not None:
                yield {**about, "kind": "choice", **choice_row(config, result)}


def mend_config(settings: Settings, method: str, seed: int) -> MendConfig:
    """Return the mending of one method and seed, without limits: the candidate of least bias is audited."""
    return MendConfig(
        classifier=settings.classifier,
        against=settings.against,
        watch=settings.watch,
        methods=(method,),
        part=settings.part,
        alpha=settings.alpha,
        people=settings.people,
        audit_people=settings.audit_people,
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        seed=seed,
        max_loss_of_accuracy=1.0,
        max_loss_of_agreement=1.0,
        test_head=settings.test_head,
        search=SearchConfig(method="prototype" if settings.search == "none" else "hybrid"),
    )


def choice_row(config: MendConfig, result: MendResult) -> dict[str, Any]:
    """Return the choice before and after, and how sure the original was where the answers differ now."""
    assert result.choice is not None
    original = classify.load(str(config.classifier))
    ground = build_ground(config, original, config)
    images = unchanged_pictures(ground, plain_faces(ground, TESTING, config.held_out_people))
    before, after = (logits_of(one, images) for one in (original, result.classifier))
    probability = np.exp(before - before.max(-1, keepdims=True))
    probability /= probability.sum(-1, keepdims=True)
    second, first = np.sort(probability, -1)[:, -2:].T
    is_other = before.argmax(-1) != after.argmax(-1)
    return {
        "alpha": result.candidates[result.choice].alpha,
        "margin_where_answers_agree": float((first - second)[~is_other].mean()),
        "margin_where_they_differ": float((first - second)[is_other].mean()) if is_other.any() else None,
        "before": {name: value for name, value, _ in result.rows},
        "after": {name: value for name, _, value in result.rows},
    }


def main() -> None:
    """Run the command."""
    settings = tyro.cli(Settings, description=__doc__)
    runtime.use_all_cores()
    runtime.enable_compile_cache()
    write_rows(run(settings), "mending", settings.out)


if __name__ == "__main__":
    main()
