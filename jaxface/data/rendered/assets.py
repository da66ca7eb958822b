"""What all pictures of a recipe share: the head, made light, and what its units mean."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import face
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array
from jaxface.data.rendered.causal_world import Mechanism, load_world, mechanism
from jaxface.data.rendered.config import RenderedDatasetConfig
from jaxface.data.rendered.config import load_recipe as named
from jaxface.data.rendered.downsampling import downsample_head
from jaxface.data.rendered.rigs import Rig, rig
from jaxface.face.requirements import require_eyes, require_units

_NOISE = 256  # pixels along an edge of the bank that sensor noise is cut from


@pytree
class SceneAssets:
    """The fixed part of rendering by a recipe; made once.

    N facial units of the head; A action units that it can show; U that the recipe labels; P prototypes;
    C classes; G groups of the population.

    Attributes:
        head: its expression coefficients are activations of facial units.
        rig: its bases, laid out for drawing.
        people: key of the people.
        shows: (A, N) how much of each action unit a facial unit shows at full activation.
        carries: (A, N) 1 where a facial unit is one of those that make an action unit.
        exclusive: (X, A) groups of action units of which one at most is drawn.
        labelled: (U,) int32 places of the recipe's action units in A.
        prototypes: (P, N) activations.
        of_class: (C, P) whether a prototype shows a class; a class without any is the neutral face.
        class_weights: (C,) that sum to one; C = 1 where the recipe has no expressions.
        resting: (N,) 1 for units that a face at rest may show.
        group_weights: (G,) of the groups that the recipe draws from; 0 for the others.
        group_sex: (G,) int32, 0 female, 1 male, -1 where the head does not tell.
        noise: (3, _NOISE, _NOISE) normal numbers.
        causes: of the recipe's world, for its action units and expressions; None where it has none.
        recipe: as given.
        action_units: A numbers.
    """

    head: face.FaceModel
    rig: Rig
    people: Array
    shows: Array
    carries: Array
    exclusive: Array
    labelled: Array
    prototypes: Array
    of_class: Array
    class_weights: Array
    resting: Array
    group_weights: Array
    group_sex: Array
    noise: Array
    causes: Mechanism | None
    recipe: RenderedDatasetConfig = static()
    action_units: tuple[int, ...] = static(default=())


def build_assets(of: RenderedDatasetConfig | str | Path, head: face.FaceModel | None = None) -> SceneAssets:
    """The studio of a recipe.

    Args:
        of: a recipe, or the name or file of one.
        head: in place of the recipe's; its expression coefficients must be facial units.

    Raises:
        ConfigError: a head without facial units, or a class, action unit, sex, tone or landmarks that it does
            not have.
    """
    recipe = of if isinstance(of, RenderedDatasetConfig) else named(of)
    if head is None:
        head = _load(recipe)
    require_units(head, f"recipe {recipe.name}")
    require_eyes(head)
    if recipe.landmarks:
        face.landmarks(head)
    head = downsample_head(head, recipe)
    space = head.expressions
    units = tuple(sorted({number for numbers in space.action_units for number in numbers}))
    of_class, class_weights = _classes(recipe, head)
    group_weights, group_sex = _groups(recipe, head)
    carries = np.array([[number in numbers for numbers in space.action_units] for number in units], np.float32)
    meaning = tomllib.loads(files("jaxface.data.rendered").joinpath("units.toml").read_text("utf-8"))
    return SceneAssets(
        head=head,
        rig=rig(head),
        people=jax.random.key(recipe.people.seed),
        shows=jnp.asarray(_shows(carries, units, space.unit_names, meaning)),
        carries=jnp.asarray(carries),
        exclusive=jnp.asarray(
            [[float(number in group) for number in units] for group in meaning["exclusive"]["groups"]]
        ),
        labelled=jnp.asarray([_place(recipe, head, unit, units) for unit in recipe.units.numbers], jnp.int32),
        prototypes=space.prototypes,
        of_class=of_class,
        class_weights=class_weights,
        resting=jnp.asarray([float(name in recipe.people.resting) for name in space.unit_names]),
        group_weights=group_weights,
        group_sex=group_sex,
        noise=jax.random.normal(jax.random.key(0), (3, _NOISE, _NOISE)),
        causes=_causes(recipe),
        recipe=recipe,
        action_units=units,
    )


def _load(recipe: RenderedDatasetConfig) -> face.FaceModel:
    try:
        return face.load(recipe.head, expression_space="units")
    except ConfigError as error:
        raise ConfigError(
            f"recipe {recipe.name}: head {recipe.head!r} has no facial units ({error}); take the bundled "
            "head or ICT-FaceKit"
        ) from None


def _place(recipe: RenderedDatasetConfig, head: face.FaceModel, number: int, units: tuple[int, ...]) -> int:
    if number not in units:
        raise ConfigError(
            f"recipe {recipe.name}: head {head.name!r} has no action unit {number} (it has: "
            f"{', '.join(map(str, units)) or 'none'}); choose others by units.numbers"
        )
    return units.index(number)


def _shows(carries: np.ndarray, units: tuple[int, ...], names: tuple[str, ...], meaning: dict) -> np.ndarray:
    shows = carries.copy()
    for parting in meaning["parts_lips"]:
        if parting["unit"] in names and 25 in units:
            shows[units.index(25), names.index(parting["unit"])] = parting["parts"]
    return shows


def _classes(recipe: RenderedDatasetConfig, head: face.FaceModel) -> tuple[Array, Array]:
    labels, space = recipe.expressions.labels, head.expressions
    for label in labels:
        if label != "neutral" and label not in space.prototype_labels and not recipe.units.causes:
            known = sorted({*space.prototype_labels, "neutral"})
            raise ConfigError(
                f"recipe {recipe.name}: head {head.name!r} has no prototype of {label!r}"
                f"{suggestion(label, known)}"
            )
    if not labels:
        return jnp.zeros((1, len(space.prototype_labels)), bool), jnp.ones(1)
    weights = np.asarray(recipe.expressions.weights or np.ones(len(labels)))
    shown = [[name == label for name in space.prototype_labels] for label in labels]
    return jnp.asarray(shown), jnp.asarray(weights / weights.sum(), jnp.float32)


def _causes(recipe: RenderedDatasetConfig) -> Mechanism | None:
    if not recipe.units.causes:
        return None
    causes = load_world(recipe.units.causes)
    if causes.units != recipe.units.numbers:
        raise ConfigError(
            f"recipe {recipe.name}: units.numbers = {list(recipe.units.numbers)}, its world has "
            f"{list(causes.units)}; they must be the same"
        )
    return mechanism(causes, recipe.expressions.labels)


def _groups(recipe: RenderedDatasetConfig, head: face.FaceModel) -> tuple[Array, Array]:
    """Groups are called "SEX, TONE"."""
    names = head.population.names or ("all",) * len(head.population.weights)
    sexes = [{"female": 0, "male": 1}.get(name.split(",")[0], -1) for name in names]
    tones = [name.split(",")[-1].strip() for name in names]
    for tone in recipe.people.tones:
        if tone not in tones:
            raise ConfigError(f"recipe {recipe.name}: no skin tone {tone!r}{suggestion(tone, set(tones))}")
    wanted = {"both": (-1, 0, 1), "female": (0,), "male": (1,)}[recipe.people.sex]
    chosen = [
        sex in wanted and (not recipe.people.tones or tone in recipe.people.tones)
        for sex, tone in zip(sexes, tones, strict=True)
    ]
    if not any(chosen):
        raise ConfigError(
            f"recipe {recipe.name}: head {head.name!r} has no sex {recipe.people.sex!r} in its "
            f"population (it has: {', '.join(names)}); take people.sex = 'both', or the bundled head"
        )
    weights = head.population.weights * jnp.asarray(chosen)
    return weights / weights.sum(), jnp.asarray(sexes, jnp.int32)
