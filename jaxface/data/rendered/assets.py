"""What all images of a recipe share: the head, and the meaning of its units."""

import dataclasses
import math
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
from jaxface.data.rendered.causal_world import Mechanism, build_mechanism, load_world
from jaxface.data.rendered.config import RenderedDatasetConfig, load_recipe
from jaxface.data.rendered.rigs import Rig, rig
from jaxface.face.requirements import require_eyes, require_units

_NOISE = 256  # pixels along an edge of the bank from which sensor noise is cut
_TEXELS = 2  # per pixel, along an edge of the texture, of which the face takes about half
_SEXES = {"female": 0, "male": 1}


@pytree
class SceneAssets:
    """The fixed part of rendering by a recipe, built once.

    N facial units of the head; A action units that it can show; U action units that the recipe
    labels; P prototypes; C classes; G groups of the population.

    Attributes:
        head: its expression coefficients are activations of facial units.
        rig: its bases, laid out for drawing.
        people_key: key of the people.
        unit_visibility: (A, N) how much of each action unit a facial unit shows at full activation.
        unit_membership: (A, N) 1 where a facial unit is one of those that make an action unit.
        exclusive: (X, A) groups of action units, at most one of which is drawn.
        unit_indices: (U,) int32 index in A of each of the recipe's action units.
        prototypes: (P, N) activations.
        of_class: (C, P) bool, whether a prototype shows a class; a class without any is neutral.
        class_weights: (C,) that sum to one; C = 1 where the recipe has no expressions.
        rest_units: (N,) 1 for units that a face at rest may show.
        group_weights: (G,) of the groups that the recipe draws from; 0 for the others.
        group_sex: (G,) int32, 0 female, 1 male, -1 where the head has no sexes.
        noise: (3, _NOISE, _NOISE) normal numbers.
        mechanism: of the recipe's causal world; None without one.
        action_units: A numbers.
    """

    head: face.FaceModel
    rig: Rig
    people_key: Array
    unit_visibility: Array
    unit_membership: Array
    exclusive: Array
    unit_indices: Array
    prototypes: Array
    of_class: Array
    class_weights: Array
    rest_units: Array
    group_weights: Array
    group_sex: Array
    noise: Array
    mechanism: Mechanism | None
    recipe: RenderedDatasetConfig = static()
    action_units: tuple[int, ...] = static(default=())


def build_assets(recipe: RenderedDatasetConfig | str | Path, head: face.FaceModel | None = None) -> SceneAssets:
    """Build what all images of a recipe share.

    Args:
        recipe: a recipe, or the name or file of one.
        head: instead of the recipe's; its expression coefficients must be facial units.

    Raises:
        ConfigError: a head without units, or a class, unit, sex, skin tone or landmarks it lacks.
    """
    recipe = recipe if isinstance(recipe, RenderedDatasetConfig) else load_recipe(recipe)
    if head is None:
        head = _load_head(recipe)
    require_units(head, f"recipe {recipe.name}")
    require_eyes(head)
    if recipe.landmarks:
        face.landmarks(head)  # raises here, before any rendering, if the head has none
    head = _downsample(head, recipe.size)
    space = head.expressions
    units = tuple(sorted({number for numbers in space.action_units for number in numbers}))
    for number in recipe.units.numbers:
        if number not in units:
            raise ConfigError(
                f"recipe {recipe.name}: head {head.name!r} has no action unit {number} (it has: "
                f"{', '.join(map(str, units)) or 'none'}); choose others by units.numbers"
            )
    of_class, class_weights = _classes(recipe, head)
    group_weights, group_sex = _groups(recipe, head)
    membership = np.array(
        [[number in numbers for numbers in space.action_units] for number in units], np.float32
    )
    tables = tomllib.loads(files("jaxface.data.rendered").joinpath("units.toml").read_text("utf-8"))
    exclusive = [[float(number in group) for number in units] for group in tables["exclusive"]["groups"]]
    return SceneAssets(
        head=head,
        rig=rig(head),
        people_key=jax.random.key(recipe.people.seed),
        unit_visibility=jnp.asarray(
            _unit_visibility(membership, units, space.unit_names, tables["parts_lips"])
        ),
        unit_membership=jnp.asarray(membership),
        exclusive=jnp.asarray(exclusive),
        unit_indices=jnp.asarray([units.index(number) for number in recipe.units.numbers], jnp.int32),
        prototypes=space.prototypes,
        of_class=of_class,
        class_weights=class_weights,
        rest_units=jnp.asarray([float(name in recipe.people.rest_units) for name in space.unit_names]),
        group_weights=group_weights,
        group_sex=group_sex,
        noise=jax.random.normal(jax.random.key(0), (3, _NOISE, _NOISE)),
        mechanism=_mechanism(recipe),
        recipe=recipe,
        action_units=units,
    )


def _load_head(recipe: RenderedDatasetConfig) -> face.FaceModel:
    try:
        return face.load(recipe.head, expression_space="units")
    except ConfigError as error:
        raise ConfigError(
            f"recipe {recipe.name}: head {recipe.head!r} has no facial units ({error}); take the bundled "
            "head or ICT-FaceKit"
        ) from None


def _unit_visibility(
    membership: np.ndarray, units: tuple[int, ...], unit_names: tuple[str, ...], parts_lips: list[dict]
) -> np.ndarray:
    """(A, N): facial units show the action units they make; some also part the lips (AU 25)."""
    visibility = membership.copy()
    for entry in parts_lips:
        if entry["unit"] in unit_names and 25 in units:
            visibility[units.index(25), unit_names.index(entry["unit"])] = entry["parts"]
    return visibility


def _classes(recipe: RenderedDatasetConfig, head: face.FaceModel) -> tuple[Array, Array]:
    labels, space = recipe.expressions.labels, head.expressions
    for label in labels:
        if label != "neutral" and label not in space.prototype_labels and not recipe.units.causes:
            candidates = sorted({*space.prototype_labels, "neutral"})
            raise ConfigError(
                f"recipe {recipe.name}: head {head.name!r} has no prototype of {label!r}"
                f"{suggestion(label, candidates)}"
            )
    if not labels:
        return jnp.zeros((1, len(space.prototype_labels)), bool), jnp.ones(1)
    weights = np.asarray(recipe.expressions.weights or np.ones(len(labels)))
    of_class = [[name == label for name in space.prototype_labels] for label in labels]
    return jnp.asarray(of_class), jnp.asarray(weights / weights.sum(), jnp.float32)


def _mechanism(recipe: RenderedDatasetConfig) -> Mechanism | None:
    if not recipe.units.causes:
        return None
    world = load_world(recipe.units.causes)
    if world.units != recipe.units.numbers:
        raise ConfigError(
            f"recipe {recipe.name}: units.numbers = {list(recipe.units.numbers)}: must be those of its world, "
            f"{list(world.units)}"
        )
    return build_mechanism(world, recipe.expressions.labels)


def _groups(recipe: RenderedDatasetConfig, head: face.FaceModel) -> tuple[Array, Array]:
    """Weights and sexes (G,) of the population's groups, which are called "SEX, TONE"."""
    names = head.population.names or ("all",) * len(head.population.weights)
    sexes = [_SEXES.get(name.split(",")[0], -1) for name in names]
    tones = [name.split(",")[-1].strip() for name in names]
    config = recipe.people
    for tone in config.skin_tones:
        if tone not in tones:
            raise ConfigError(f"recipe {recipe.name}: no skin tone {tone!r}{suggestion(tone, set(tones))}")
    mask = [
        (config.sex == "both" or sex == _SEXES[config.sex])
        and (not config.skin_tones or tone in config.skin_tones)
        for sex, tone in zip(sexes, tones, strict=True)
    ]
    if not any(mask):
        raise ConfigError(
            f"recipe {recipe.name}: head {head.name!r} has no sex {config.sex!r} in its population (it has: "
            f"{', '.join(names)}); take people.sex = 'both', or the bundled head"
        )
    weights = head.population.weights * jnp.asarray(mask)
    return weights / weights.sum(), jnp.asarray(sexes, jnp.int32)


def _downsample(head: face.FaceModel, size: int) -> face.FaceModel:
    """The head with no more texels than images of `size` pixels show: each person's are painted."""
    height, width = head.appearance.mean.shape[:2]  # an atlas of several parts is wider than high
    shorter, common, factor = min(height, width), math.gcd(height, width), 1
    while shorter // (2 * factor) >= _TEXELS * size and common % (2 * factor) == 0:
        factor *= 2
    if factor == 1:
        return head

    def mean(plane: Array, first: int = 0) -> Array:
        """Average over blocks of the axes `first` and `first + 1`."""
        shape = plane.shape
        blocks = (shape[first] // factor, factor, shape[first + 1] // factor, factor)
        plane = plane.reshape(*shape[:first], *blocks, *shape[first + 2 :])
        return jnp.mean(plane, axis=(first + 1, first + 3))

    look = head.appearance
    look = dataclasses.replace(
        look,
        mean=mean(look.mean),
        basis=mean(look.basis),
        masks=mean(look.masks, 1),
        wrinkle_map=mean(look.wrinkle_map),
    )
    return dataclasses.replace(head, appearance=look)
