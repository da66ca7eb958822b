"""What is minimized (Eqs. 2, 6, 10, 13-16): each loss only where there is a label."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.config import CausalAffectConfig, CounterfactualConfig
from jaxface.frameworks.causal_affect.dependence import Dependences, dependences
from jaxface.frameworks.causal_affect.edges import cyclicity
from jaxface.frameworks.causal_affect.networks import CausalAffect, GraphBranch, GraphOutputs, Outputs
from jaxface.frameworks.common.framework import Batch
from jaxface.frameworks.common.metrics import masked_mean

_TINY = 1e-12


def unit_loss(logits: Array, units: Array, mask: Array) -> Array:
    """Return the binary cross-entropy over the labelled units (the mask) of a batch, (B, U) each:
    ()."""
    return masked_mean(optax.sigmoid_binary_cross_entropy(logits, units), mask)


def expression_loss(logits: Array, label: Array) -> Array:
    """Return the cross-entropy of logits (B, C) over the labels (B,) int32 that are not -1: ()."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(label, 0))
    return masked_mean(losses, label >= 0)


def bottleneck_loss(
    config: CausalAffectConfig, outputs: Outputs, units: Array, mask: Array
) -> tuple[Array, Dependences]:
    """Return the weighted sum of the dependences of Eq. 2, (), and the dependences themselves.

    Only here the network's own probability, without gradient, replaces a unit's missing label.
    """
    weights = config.bottleneck
    pseudo_labels = jax.lax.stop_gradient(jax.nn.sigmoid(outputs.feature_logits))
    labels = jnp.where(mask, units, pseudo_labels).astype(jnp.float32)
    features = outputs.features.astype(jnp.float32).swapaxes(0, 1)
    terms = dependences(features, outputs.embedding.astype(jnp.float32), labels.T, weights.normalize)
    value = (
        weights.bottleneck * terms.bottleneck
        + weights.alignment * terms.alignment
        + weights.decorrelation * terms.decorrelation
    )
    return value, terms


def acyclic_loss(config: CausalAffectConfig, edges: Array) -> Array:
    """Eq. 5 of edges (B, K, U, U) among units, weighted: global, and the samples' mean. ()."""
    graphs, weights = [], []
    if config.parts.global_graph:
        graphs.append(edges[:1, 0])
        weights.append(jnp.full(1, config.graph.acyclic_global, jnp.float32))
    if config.parts.sample_graph:
        graphs.append(edges[:, -1])
        weights.append(jnp.full(len(edges), config.graph.acyclic_sample / len(edges), jnp.float32))
    return jnp.dot(jnp.concatenate(weights), jax.vmap(cyclicity)(jnp.concatenate(graphs)))


def noise_scale(config: CounterfactualConfig, features: Array) -> Array:
    """Return tau, () without gradient, for features (B, S, d)."""
    if config.noise_scale == "absolute":
        return jnp.full((), config.noise, features.dtype)
    return config.noise * jnp.sqrt((jax.lax.stop_gradient(features) ** 2).mean() + _TINY)


def draw_noise(config: CounterfactualConfig, features: Array, targets: int, key: Array) -> Array:
    """Draw epsilon^(j) of Eq. 12, of features (B, S, d), for every target: (T, S, d).

    As written, it is the same for all samples and both levels.
    """
    noise = jax.random.normal(key, (targets, *features.shape[1:]), features.dtype)
    return noise_scale(config, features) * noise


def counterfactual_loss(
    config: CounterfactualConfig, branch: GraphBranch, levels: GraphOutputs, features: Array, noise: Array
) -> Array:
    """Eq. 15, the mean over the levels and the batch, of features (B, S, d) and noise (T, S, d):
    ()."""
    messages, logits = branch.transform.intervene_all(levels.edges, features, noise, config.sharpness)
    loss = functools.partial(intervention_loss, config, branch.among_units)
    sample_losses = jax.vmap(jax.vmap(loss, (0, 1, 0, 1)))
    return sample_losses(levels.messages, messages, levels.logits, logits).mean()


def intervention_loss(
    config: CounterfactualConfig,
    units: bool,
    messages: Array,
    noisy_messages: Array,
    logits: Array,
    noisy_logits: Array,
) -> Array:
    """lambda_consist L_consist (Eq. 13) + lambda_discrep L_discrep (Eq. 14) of one example: ().

    The minimum of L_discrep is at opposite messages, not just at another direction.

    Args:
        units: whether targets are action units; else expressions.
        messages, logits: (T, w) and (T,) without noise.
        noisy_messages, noisy_logits: (2, T, w) and (2, T), first under noise on what is no cause of
            a target, then on its causes.
    """
    similarity = cosine(messages[None], noisy_messages)
    if units:
        divergence = (jax.nn.sigmoid(logits[None]) - jax.nn.sigmoid(noisy_logits)) ** 2
        distance = divergence[1]
    else:
        divergence = jax.vmap(expression_divergence, (None, 0))(logits, noisy_logits)
        distance = bound_divergence(divergence[1], config.ceiling)
    consistency = (
        config.consistent_features * (1.0 - similarity[0]) + config.consistent_logits * divergence[0]
    ).mean()
    discrepancy = (
        config.discrepant_features * (1.0 + similarity[1]) + config.discrepant_logits * (1.0 - distance)
    ).mean()
    return config.consistency * consistency + config.discrepancy * discrepancy


def cosine(one: Array, other: Array) -> Array:
    """Return the cosine of vectors (..., w): (...,); 0 where one of them is 0."""
    norms = ((one**2).sum(-1) + _TINY) * ((other**2).sum(-1) + _TINY)
    return (one * other).sum(-1) * jax.lax.rsqrt(norms)


def expression_divergence(logits: Array, noisy_logits: Array) -> Array:
    """Return the KL divergence from the distribution over expressions to the one where only expression j has
    its noisy logit, for each j: (C,) from (C,) and (C,); 0 or more, unbounded."""
    own = jnp.eye(len(logits), dtype=logits.dtype)
    replaced_one = logits[None] + own * (noisy_logits - logits)[:, None]
    before, after = jax.nn.log_softmax(logits), jax.nn.log_softmax(replaced_one)
    return (jnp.exp(before)[None] * (before[None] - after)).sum(-1)


def bound_divergence(divergence: Array, ceiling: Literal["exponential", "clamp"]) -> Array:
    """Map a divergence to [0, 1], so that Eq. 14 has a minimum."""
    if ceiling == "clamp":
        return jnp.minimum(divergence, 1.0)
    return -jnp.expm1(-divergence)


def total_loss(
    config: CausalAffectConfig, network: CausalAffect, outputs: Outputs, batch: Batch, key: Array
) -> tuple[Array, dict[str, Array]]:
    """Return Eq. 16 and its terms by name, which include all weights but lambda_Expr.

    Of `units` and `units_known` (B, U), and `label` (B,) where expressions are learnt.
    """
    units, dependence_values = unit_terms(config, outputs, batch)
    expressions = expression_terms(config, outputs, batch)
    if config.parts.counterfactual and network.units is not None and outputs.units is not None:
        settings, sources = config.counterfactual, outputs.features.shape[1]
        classes = 0 if outputs.expressions is None else outputs.expressions.logits.shape[-1]
        noise = draw_noise(settings, outputs.features, sources + classes, key)
        units["unit_counterfactual_loss"] = counterfactual_loss(
            settings, network.units, outputs.units, outputs.features, noise[:sources]
        )
        if network.expressions is not None and outputs.expressions is not None:
            expressions["expression_counterfactual_loss"] = counterfactual_loss(
                settings, network.expressions, outputs.expressions, outputs.features, noise[sources:]
            )
    zero = jnp.zeros(())
    total = sum(units.values(), zero) + config.expressions * sum(expressions.values(), zero)
    return total, {**units, **expressions, **dependence_values}


def unit_terms(
    config: CausalAffectConfig, outputs: Outputs, batch: Batch
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the terms of L_total^AU but the counterfactual one, and the unweighted dependences."""
    units, mask = batch["units"].astype(outputs.features.dtype), batch["units_known"]
    terms = {"feature_loss": unit_loss(outputs.feature_logits, units, mask)}
    dependence_values: dict[str, Array] = {}
    if config.parts.disentangle:
        terms["bottleneck_loss"], values = bottleneck_loss(config, outputs, units, mask)
        dependence_values = {f"{name}_dependence": value for name, value in values._asdict().items()}
    if outputs.units is not None:
        losses = jax.vmap(unit_loss, (1, None, None))(outputs.units.logits, units, mask)
        terms |= {f"unit_loss_{name}": loss for name, loss in zip(level_names(config), losses, strict=True)}
        if config.parts.acyclic:
            terms["acyclic_loss"] = acyclic_loss(config, outputs.units.edges)
    return terms, dependence_values


def expression_terms(config: CausalAffectConfig, outputs: Outputs, batch: Batch) -> dict[str, Array]:
    """Return the terms of L_total^Expr but the counterfactual one; {} where no expressions are learnt."""
    if outputs.embedding_logits is not None:
        return {"expression_loss": expression_loss(outputs.embedding_logits, batch["label"])}
    if outputs.expressions is None:
        return {}
    losses = jax.vmap(expression_loss, (1, None))(outputs.expressions.logits, batch["label"])
    return {f"expression_loss_{name}": loss for name, loss in zip(level_names(config), losses, strict=True)}


def level_names(config: CausalAffectConfig) -> tuple[str, ...]:
    """Return the names of the levels that there are, in order: `global`, `sample`."""
    levels = {"global": config.parts.global_graph, "sample": config.parts.sample_graph}
    return tuple(name for name, present in levels.items() if present)
