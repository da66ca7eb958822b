"""What each method minimises, as functions of the networks and a batch."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.data.augmentation import augment, augment_points
from jaxface.face._landmarks import mirror_order
from jaxface.frameworks.common.framework import Batch, Info
from jaxface.frameworks.common.images import for_network
from jaxface.frameworks.common.step import Loss
from jaxface.frameworks.pm2.adaptation import adversarial, kernels, moment_matching
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.encoders import ENCODERS, prepared
from jaxface.frameworks.pm2.losses import discrepancy, mean_of, paired_moments, unit_loss
from jaxface.frameworks.pm2.networks import Detector

PROGRESS = "progress"
"""Column of a batch: the share of the steps that are done."""

PAIR = ("image", "female", "male")
"""A labelled face and its avatars."""


def single(config: Pm2Config) -> Loss:
    """L_AU on the source, and the discrepancy of DAN, DANN, JAN or CDAN: one loss, one optimiser."""

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        detector = cast(Detector, module)
        names = ("image",) if config.method == "direct" else ("image", "target")
        faces = varied(config, detector, batch, key, names)
        features = encoded(config, detector, faces)
        seen = followed(config, batch, key)
        value = on_source(config, detector, features["image"], faces["image"], seen)
        if config.method == "direct":
            return value, {"unit_loss": value}
        apart = between(config, detector, features["image"], features["target"], batch[PROGRESS][0])
        return value + config.adaptation.weight * apart, {"unit_loss": value, "discrepancy": apart}

    return loss


def between(config: Pm2Config, detector: Detector, source: Array, target: Array, progress: Array) -> Array:
    """How far apart two domains' features (B, D) are by the method's own measure, () float32."""
    settings = config.adaptation
    source, target = source.astype(jnp.float32), target.astype(jnp.float32)
    if config.method == "dan":
        return kernels.dan(source, target, settings.kernels)
    answers = [mean_probability(detector, features) for features in (source, target)]
    if config.method == "jan":
        return kernels.jan((source, answers[0]), (target, answers[1]), settings.kernels)
    if detector.discriminator is None:
        raise ConfigError(f"{config.method!r} has no discriminator; build the network for this method")
    share = adversarial.warmed(progress, settings.reversal)
    seen = [adversarial.reverse(features, share) for features in (source, target)]
    if config.method == "cdan":
        joint = jax.vmap(adversarial.joint)
        seen = [joint(features, answer) for features, answer in zip(seen, answers, strict=True)]
    told = [detector.discriminator(some).astype(jnp.float32) for some in seen]
    return adversarial.domain_loss(*told)


def first_step(config: Pm2Config) -> Loss:
    """Eq. 7 for encoder and classifiers; MCD leaves the moments out, M3SDA has those of whole domains, and
    learns from the avatars, its second source, as from the faces."""

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        detector = cast(Detector, module)
        names = PAIR if config.needs_pairs else ("image",)
        names = (*names, "target") if config.method == "m3sda" else names
        faces = varied(config, detector, batch, key, names)
        features = encoded(config, detector, faces)
        seen = followed(config, batch, key)
        value = on_source(config, detector, features["image"], faces["image"], seen)
        if config.method == "m3sda":
            avatars = [on_units(config, detector, features[name], batch, paired(batch)) for name in PAIR[1:]]
            value = (value + sum(avatars) / len(avatars)) / 2.0
        if not config.needs_pairs or config.beta == 0.0:
            return value, {"unit_loss": value}
        apart = matched(config, features, batch)
        return value + config.beta * apart, {"unit_loss": value, "moment_distance": apart}

    return loss


def matched(config: Pm2Config, features: Mapping[str, Array], batch: Batch) -> Array:
    """L_PM2 of a batch (Eq. 6), or M3SDA's distance of three domains: faces, avatars, target."""
    exact = {name: each.astype(jnp.float32) for name, each in features.items()}
    if config.method == "pm2":
        distance = functools.partial(paired_moments, over=config.reduction)
        each = jax.vmap(distance)(*(exact[name] for name in PAIR))
        return mean_of(each, paired(batch))
    settings, there = config.adaptation, paired(batch)
    both = None if there is None else jnp.concatenate([there, there])
    avatars = jnp.concatenate([exact["female"], exact["male"]])
    of = [
        moment_matching.moments(some, settings.moments, settings.centred, counted)
        for some, counted in ((exact["image"], None), (avatars, both), (exact["target"], None))
    ]
    return moment_matching.multi_source(of[:2], of[2], config.reduction)


def second_step(config: Pm2Config) -> Loss:
    """Eq. 8 for the classifiers alone: right on the source, as far apart as can be on the target.

    beta L_PM2 is left out: the classifiers have no part in it.
    """

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        detector = cast(Detector, module)
        names = ("image", "target") if config.alpha else ("image",)
        faces = varied(config, detector, batch, key, names)
        features = encoded(config, detector, faces)
        value = on_units(config, detector, features["image"], batch)
        if not config.alpha:
            return value, {}
        apart = disagreement(config, detector, features["target"])
        return value - config.alpha * apart, {"discrepancy": apart}

    return loss


def third_step(config: Pm2Config) -> Loss:
    """Eq. 9 for the encoder alone."""

    def loss(module: nnx.Module, batch: Batch, key: Array) -> tuple[Array, Info]:
        detector = cast(Detector, module)
        features = encoded(config, detector, varied(config, detector, batch, key, ("target",)))
        return config.alpha * disagreement(config, detector, features["target"]), {}

    return loss


def on_source(config: Pm2Config, detector: Detector, features: Array, faces: Array, batch: Batch) -> Array:
    """The classifiers' loss on the labelled faces, and the encoder's own where it has one."""
    own = ENCODERS[config.encoder].loss
    value = on_units(config, detector, features, batch)
    return value if own is None else value + own(detector.encoder, faces, batch)


def on_units(
    config: Pm2Config, detector: Detector, features: Array, batch: Batch, counted: Array | None = None
) -> Array:
    """(L_AU1 + L_AU2) / 2, of the labels of the batch; of features (B, D)."""
    known = batch.get("units_known", jnp.ones_like(batch["units"], bool))
    each = [
        jax.vmap(unit_loss, (0, 0, 0, None))(
            logits.astype(jnp.float32), batch["units"], known, config.reduction
        )
        for logits in detector.classify(features)
    ]
    return (mean_of(each[0], counted) + mean_of(each[1], counted)) / 2.0


def disagreement(config: Pm2Config, detector: Detector, features: Array) -> Array:
    """L_Dis of a batch's features (B, D)."""
    first, second = (logits.astype(jnp.float32) for logits in detector.classify(features))
    return jax.vmap(discrepancy, (0, 0, None))(first, second, config.reduction).mean()


def mean_probability(detector: Detector, features: Array) -> Array:
    """Eq. 10 of features (B, D): (B, U) in [0, 1]."""
    first, second = (jax.nn.sigmoid(logits.astype(jnp.float32)) for logits in detector.classify(features))
    return (first + second) / 2.0


def paired(batch: Batch) -> Array | None:
    """(B,) which faces have avatars; None = all."""
    return batch.get("paired")


def varied(
    config: Pm2Config, detector: Detector, batch: Batch, key: Array, names: tuple[str, ...]
) -> dict[str, Array]:
    """Images of a batch by name, augmented and as the encoder sees them; a face and its avatars alike.

    Raises:
        ConfigError: the method wants images that the batch does not have.
    """
    k_source, k_target = jax.random.split(key)
    missing = [name for name in names if name not in batch]
    if missing:
        raise ConfigError(
            f"method {config.method!r} wants {missing[0]!r} images, which the data have not; name "
            f"data.{'target' if missing[0] == 'target' else 'pairs'}"
        )
    return {
        name: for_network(
            prepared(augment(k_target if name == "target" else k_source, batch[name], config.augment)),
            detector.first,
        )
        for name in names
    }


def followed(config: Pm2Config, batch: Batch, key: Array) -> Batch:
    """The batch with landmarks where `varied` has moved them, if it has any."""
    marks = batch.get("landmarks")
    if marks is None:
        return batch
    k_source, _ = jax.random.split(key)
    return {**batch, "landmarks": augment_points(k_source, marks, config.augment, mirror_order(marks.shape[1]))}


def encoded(config: Pm2Config, detector: Detector, faces: Mapping[str, Array]) -> dict[str, Array]:
    """Features (B, D) of each domain's faces, in one call unless the encoder would mix the domains."""
    if ENCODERS[config.encoder].mixes:
        return {name: detector.encoder(some) for name, some in faces.items()}
    together = jnp.stack(list(faces.values()), axis=1)  # side by side, so that devices keep their examples
    features: Any = detector.encoder(together.reshape(-1, *together.shape[2:]))
    features = features.reshape(together.shape[0], together.shape[1], -1)
    return {name: features[:, place] for place, name in enumerate(faces)}
