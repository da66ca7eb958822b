"""`jaxface search`: the face with a classifier's most confident answer for an expression."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

import jaxface as jf
from jaxface import interventions
from jaxface.cli import head_options, options, preflight
from jaxface.core import io, progress, runtime
from jaxface.core.types import expression_name
from jaxface.face import HeadConfig
from jaxface.render import RenderConfig
from jaxface.search import SearchConfig

if TYPE_CHECKING:
    import numpy as np

    from jaxface.classify import Classifier
    from jaxface.face import FaceModel, FaceParams
    from jaxface.interventions import Intervention
    from jaxface.render import Scene
    from jaxface.search import SearchResult


@dataclass(frozen=True)
class SearchSettings(HeadConfig):
    """Which expression, face and classifier."""

    classifier: str = "face-api"
    """A name (see `jaxface classifiers`), or a folder with card.toml."""

    checkpoint: str | None = None
    """Weights of the classifier, if it comes without."""

    expression: str = "happiness"
    """The target expression."""

    evaluators: tuple[str, ...] = ()
    """Other classifiers whose answers to the resulting face are printed, too."""

    intervention: str = "symmetry"
    """The intervention under which the resulting face is shown."""

    identity_seed: int | None = None
    """Whose face: the first person of this seed's population; none = the mean head."""

    seed: int = 0
    """Seed of the search."""

    search: SearchConfig = field(default_factory=SearchConfig)
    render: RenderConfig = field(default_factory=RenderConfig)


@dataclass(frozen=True)
class Search(options.Configured, options.Quiet):
    """Find the face with a classifier's most confident answer for an expression (Facing Asymmetry, Eq. 4).

    Writes OUT/search.png (neutral, then the face at symmetry 1, .5, 0), search.json and search.npz.
    """

    settings: Annotated[SearchSettings, tyro.conf.arg(name="")] = field(default_factory=SearchSettings)

    out: Path = Path("runs/search")
    """Folder for the results."""


def main(argv: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    command = options.parse(Search(), "search", argv)
    settings = command.settings
    expression = expression_name(settings.expression)
    preflight.check_classifiers([settings.classifier, *settings.evaluators])
    preflight.check_interventions([settings.intervention])
    preflight.check_head(settings.head)
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxface.report import image_encoding

    intervention = interventions.build(settings.intervention)
    runtime.enable_compile_cache()
    classifier = jf.classify.load(settings.classifier, checkpoint=settings.checkpoint)
    target = classifier.index(expression)
    evaluators = [classifier, *(jf.classify.load(name) for name in settings.evaluators)]
    head = head_options.load_head(settings)
    scene = jf.render.scene(settings.render)
    person = head_options.person(head, settings.identity_seed)

    meter = progress.for_terminal(command.quiet)
    searcher = jf.search.build(classifier, head, scene, settings.search)
    batch = jax.tree.map(lambda leaf: leaf[None], person)
    result = searcher.run(jax.random.key(settings.seed), batch, np.array([target]), meter)
    meter.close()

    params = dataclasses.replace(person, expression=jnp.asarray(result.expression[0]))
    columns, images = strip(intervention, head, params, scene)
    record = {
        "classifier": classifier.name,
        "expression": expression,
        **json_fields(result),
        "answers": {one.name: answers(one, columns, images) for one in evaluators},
        "environment": runtime.environment(),
    }
    image_encoding.save_png(command.out / "search.png", image_encoding.sheet(images[None], columns=columns))
    io.write_text(command.out / "search.json", json.dumps(record, indent=2) + "\n")
    arrays: dict[str, Any] = {item.name: getattr(params, item.name) for item in dataclasses.fields(params)}
    with io.atomic_path(command.out / "search.npz") as path:
        np.savez(path, **arrays)
    print(summary(record, expression))
    print(command.out / "search.png")
    return 0


def strip(
    intervention: "Intervention", head: "FaceModel", params: "FaceParams", scene: "Scene"
) -> "tuple[list[str], np.ndarray]":
    """Return the neutral face, then the full expression at the probe levels: names and images."""
    import jax.numpy as jnp
    import numpy as np

    dose, time = intervention.axes
    levels = sorted(intervention.probe_levels, key=lambda level: abs(level - dose.unchanged))
    doses = jnp.asarray([dose.unchanged, *levels])
    times = jnp.asarray([time.levels[0], *(time.levels[-1] for _ in levels)])
    images = [
        interventions.image(intervention, head, params, scene, *step) for step in zip(doses, times, strict=True)
    ]
    return ["neutral", *(f"{dose.symbol} = {level:g}" for level in levels)], np.stack(images)


def answers(
    classifier: "Classifier", names: Sequence[str], images: "np.ndarray"
) -> dict[str, dict[str, float]]:
    """Return all answers of a classifier to some images, by the image's name and the label."""
    import numpy as np

    probabilities = np.asarray(classifier.probabilities(images))
    return {
        name: dict(zip(classifier.labels, map(float, row), strict=True))
        for name, row in zip(names, probabilities, strict=True)
    }


def json_fields(result: "SearchResult") -> dict[str, Any]:
    """Return the first case of a search result as JSON-ready values."""
    import numpy as np

    from jaxface.search import Status

    values = {
        item.name: np.asarray(getattr(result, item.name)).tolist()[0] for item in dataclasses.fields(result)
    }
    return values | {"status": Status(values["status"]).name.lower()}


def summary(record: dict[str, Any], expression: str) -> str:
    """Return the text for stdout, one line for each classifier."""
    lines = [
        f"{expression}: probability {record['probability']:.3f}, re-rendered with sub-pixel shifts "
        f"{record['probability_shifted']:.3f}; {record['status']} after {record['forward_calls']} renders and "
        f"{record['gradient_calls']} with a gradient, {record['cpu_seconds']:.1f} CPU-s"
    ]
    for name, by_image in record["answers"].items():
        cells = "  ".join(
            f"{column} {row.get(expression, float('nan')):.3f}" for column, row in by_image.items()
        )
        lines.append(f"{name:20}{cells}")
    return "\n".join(lines)
