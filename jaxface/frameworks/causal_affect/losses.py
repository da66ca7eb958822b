"""What is minimised (Eqs. 2, 6, 10, 13-16): each loss only where its label is."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import optax

from jaxface.core.types import Array
from jaxface.frameworks.causal_affect import interventions
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, CounterfactualConfig
from jaxface.frameworks.causal_affect.dependence import Dependences, dependences
from jaxface.frameworks.causal_affect.edges import cyclicity
from jaxface.frameworks.causal_affect.networks import CausalAffect, GraphBranch, GraphOutputs, Outputs
from jaxface.frameworks.common.framework import Batch

_TINY = 1e-12


def known_mean(values: Array, known: Array) -> Array:
    """The mean of the values that are known, of one shape; 0 where none is. ()."""
    count = known.astype(values.dtype).sum()
    return jnp.where(known, values, 0.0).sum() / jnp.maximum(count, 1.0)


def unit_loss(logits: Array, units: Array, known: Array) -> Array:
    """Binary cross-entropy over the known units of a batch: ().

    Args:
        logits: (B, U); units: (B, U) 0 or 1; known: (B, U) bool.
    """
    return known_mean(optax.sigmoid_binary_cross_entropy(logits, units), known)


def expression_loss(logits: Array, label: Array) -> Array:
    """Cross-entropy over the examples whose label is known: ().

    Args:
        logits: (B, C); label: (B,) int32, -1 = unknown.
    """
    each = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(label, 0))
    return known_mean(each, label >= 0)


def bottleneck_loss(
    config: CausalAffectConfig, seen: Outputs, units: Array, known: Array
) -> tuple[Array, Dependences]:
    """The dependences of Eq. 2, weighted, () and as they are.

    Where a unit's label is not known, the network's own probability takes its place; no gradient flows through
    it, and nothing but this term sees it.
    """
    weights = config.bottleneck
    guessed = jax.lax.stop_gradient(jax.nn.sigmoid(seen.feature_logits))
    labels = jnp.where(known, units, guessed).astype(jnp.float32)
    features = seen.features.astype(jnp.float32).swapaxes(0, 1)
    found = dependences(features, seen.embedding.astype(jnp.float32), labels.T, weights.normalised)
    value = (
        weights.bottleneck * found.bottleneck
        + weights.alignment * found.alignment
        + weights.decorrelation * found.decorrelation
    )
    return value, found


def acyclic_loss(config: CausalAffectConfig, edges: Array) -> Array:
    """Eq. 5 of the graphs among units, edges (B, K, U, U), weighted: of that of all faces, and the mean
    of the faces' own. ()."""
    graphs, weights = [], []
    if config.parts.global_graph:
        graphs.append(edges[:1, 0])
        weights.append(jnp.full(1, config.graph.acyclic_global, jnp.float32))
    if config.parts.sample_graph:
        graphs.append(edges[:, -1])
        weights.append(jnp.full(len(edges), config.graph.acyclic_sample / len(edges), jnp.float32))
    return jnp.dot(jnp.concatenate(weights), jax.vmap(cyclicity)(jnp.concatenate(graphs)))


def noise_scale(config: CounterfactualConfig, features: Array) -> Array:
    """tau as it is, or in root mean squares of the features (B, S, d), without gradient. ()."""
    if config.noise_scale == "absolute":
        return jnp.full((), config.noise, features.dtype)
    return config.noise * jnp.sqrt((jax.lax.stop_gradient(features) ** 2).mean() + _TINY)


def draw_noise(config: CounterfactualConfig, features: Array, targets: int, key: Array) -> Array:
    """epsilon^(j) of Eq. 12 for every target, (T, S, d): as it is written, the same for all faces, and for both
    levels.

    Args:
        features: (B, S, d).
    """
    return noise_scale(config, features) * jax.random.normal(
        key, (targets, *features.shape[1:]), features.dtype
    )


def counterfactual_loss(
    config: CounterfactualConfig, branch: GraphBranch, levels: GraphOutputs, features: Array, noise: Array
) -> Array:
    """Eq. 15, the mean over the levels and the batch. ().

    Answers of units are compared one by one; of expressions, the distribution that the perturbed target alone
    changes.

    Args:
        features: (B, S, d).
        noise: (T, S, d).
    """
    messages, logits = branch.readers.perturbed(levels.edges, features, noise, config.sharpness)
    loss = functools.partial(intervention_loss, config, branch.among_units)
    of_faces = jax.vmap(jax.vmap(loss, (0, 1, 0, 1)))
    return of_faces(levels.messages, messages, levels.logits, logits).mean()


def intervention_loss(
    config: CounterfactualConfig,
    units: bool,
    messages: Array,
    perturbed: Array,
    logits: Array,
    answers: Array,
) -> Array:
    """lambda_consist L_consist + lambda_discrep L_discrep of one example: ().

    Args:
        units: whether targets are action units; else expressions.
        messages, logits: (T, w) and (T,) of the facts.
        perturbed, answers: (2, T, w) and (2, T) under the two kinds of noise.
    """
    like = interventions.cosine(messages[None], perturbed)
    if units:
        away = interventions.unit_divergence(logits[None], answers)
        apart = away[1]
    else:
        away = jax.vmap(interventions.expression_divergence, (None, 0))(logits, answers)
        apart = interventions.below_ceiling(away[1], config.ceiling)
    consistent = interventions.consistency_loss(
        like[0], away[0], config.consistent_features, config.consistent_answers
    )
    discrepant = interventions.discrepancy_loss(
        like[1], apart, config.discrepant_features, config.discrepant_answers
    )
    return config.consistency * consistent + config.discrepancy * discrepant


def total_loss(
    config: CausalAffectConfig, network: CausalAffect, seen: Outputs, batch: Batch, key: Array
) -> tuple[Array, dict[str, Array]]:
    """Eq. 16 and its parts by name, weighted but for lambda_Expr.

    Args:
        batch: `units` and `units_known` (B, U); `label` (B,) where expressions are learnt.
        key: of the perturbations.
    """
    units, more = unit_terms(config, seen, batch)
    expressions = expression_terms(config, seen, batch)
    if config.parts.counterfactual and network.units is not None and seen.units is not None:
        there, count = network.expressions, seen.features.shape[1]
        targets = count + (0 if seen.expressions is None else seen.expressions.logits.shape[-1])
        noise, way = draw_noise(config.counterfactual, seen.features, targets, key), config.counterfactual
        found = counterfactual_loss(way, network.units, seen.units, seen.features, noise[:count])
        units["unit_counterfactual_loss"] = found
        if there is not None and seen.expressions is not None:
            found = counterfactual_loss(way, there, seen.expressions, seen.features, noise[count:])
            expressions["expression_counterfactual_loss"] = found
    nothing = jnp.zeros(())
    total = sum(units.values(), nothing) + config.expressions * sum(expressions.values(), nothing)
    return total, {**units, **expressions, **more}


def unit_terms(
    config: CausalAffectConfig, seen: Outputs, batch: Batch
) -> tuple[dict[str, Array], dict[str, Array]]:
    """L_total^AU term by term but for the counterfactuals, and the dependences as they are."""
    units, known = batch["units"].astype(seen.features.dtype), batch["units_known"]
    terms = {"feature_loss": unit_loss(seen.feature_logits, units, known)}
    more: dict[str, Array] = {}
    if config.parts.disentangle:
        terms["bottleneck_loss"], found = bottleneck_loss(config, seen, units, known)
        more = {f"{name}_dependence": value for name, value in found._asdict().items()}
    if seen.units is not None:
        found_losses = jax.vmap(unit_loss, (1, None, None))(seen.units.logits, units, known)
        terms |= {
            f"unit_loss_{name}": each for name, each in zip(level_names(config), found_losses, strict=True)
        }
        if config.parts.acyclic:
            terms["acyclic_loss"] = acyclic_loss(config, seen.units.edges)
    return terms, more


def expression_terms(config: CausalAffectConfig, seen: Outputs, batch: Batch) -> dict[str, Array]:
    """L_total^Expr term by term but for the counterfactuals; {} where no expressions are learnt."""
    if seen.embedding_logits is not None:
        return {"expression_loss": expression_loss(seen.embedding_logits, batch["label"])}
    if seen.expressions is None:
        return {}
    found = jax.vmap(expression_loss, (1, None))(seen.expressions.logits, batch["label"])
    return {f"expression_loss_{name}": each for name, each in zip(level_names(config), found, strict=True)}


def level_names(config: CausalAffectConfig) -> tuple[str, ...]:
    """Of the levels that there are, in order: `global`, `sample`."""
    there = {"global": config.parts.global_graph, "sample": config.parts.sample_graph}
    return tuple(name for name, wanted in there.items() if wanted)
