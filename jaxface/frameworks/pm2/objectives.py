"""What each method minimizes, as functions of the networks and a batch: with a config, a `Loss`."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.data.augmentation import augment, augment_points
from jaxface.face._landmarks import mirror_order
from jaxface.frameworks.common.framework import Batch, Info
from jaxface.frameworks.common.gradients import reverse
from jaxface.frameworks.common.images import cast_like, imagenet_normalize
from jaxface.frameworks.common.metrics import masked_mean
from jaxface.frameworks.pm2 import losses
from jaxface.frameworks.pm2.config import Pm2Config
from jaxface.frameworks.pm2.losses import discrepancy, paired_moments, unit_loss
from jaxface.frameworks.pm2.networks import ENCODERS, Detector

PAIR = ("image", "female", "male")
"""A labelled face and its avatars."""


def single_loss(
    config: Pm2Config, detector: Detector, batch: Batch, key: Array, step_fraction: Array
) -> tuple[Array, Info]:
    """Return L_AU on the source plus the discrepancy of DAN, DANN, JAN or CDAN: one loss, one optimizer."""
    names = ("image",) if config.method == "direct" else ("image", "target")
    faces = augment_faces(config, detector, batch, key, names)
    features = encode(config, detector, faces)
    value = source_loss(config, detector, features["image"], faces["image"], batch, key)
    if config.method == "direct":
        return value, {"unit_loss": value}
    gap = domain_discrepancy(config, detector, features["image"], features["target"], step_fraction)
    return value + config.adaptation.weight * gap, {"unit_loss": value, "discrepancy": gap}


def domain_discrepancy(
    config: Pm2Config, detector: Detector, source: Array, target: Array, step_fraction: Array
) -> Array:
    """Return the distance of two domains' features (B, D) by the method's own measure, () float32."""
    settings = config.adaptation
    source, target = source.astype(jnp.float32), target.astype(jnp.float32)
    if config.method == "dan":
        return losses.dan(source, target, settings.kernels)
    probabilities = [mean_probability(detector, features) for features in (source, target)]
    if config.method == "jan":
        return losses.jan((source, probabilities[0]), (target, probabilities[1]), settings.kernels)
    if detector.discriminator is None:
        raise ConfigError(f"{config.method!r} has no discriminator; build the network for this method")
    scale = losses.reversal_scale(step_fraction, settings.reversal)
    inputs = [reverse(features, scale) for features in (source, target)]
    if config.method == "cdan":
        joint = jax.vmap(losses.joint)
        inputs = [joint(*pair) for pair in zip(inputs, probabilities, strict=True)]
    logits = [detector.discriminator(features).astype(jnp.float32) for features in inputs]
    return losses.domain_loss(*logits)


def first_step(
    config: Pm2Config, detector: Detector, batch: Batch, key: Array, step_fraction: Array
) -> tuple[Array, Info]:
    """Return Eq. 7 for encoder and classifiers: of MCD without the moments, of M3SDA with those of
    whole domains, where the avatars, its second source, are learnt from as the faces are."""
    names = PAIR if config.needs_pairs else ("image",)
    names = (*names, "target") if config.method == "m3sda" else names
    faces = augment_faces(config, detector, batch, key, names)
    features = encode(config, detector, faces)
    value = source_loss(config, detector, features["image"], faces["image"], batch, key)
    if config.method == "m3sda":
        avatars = [
            classifier_loss(config, detector, features[name], batch, batch.get("paired")) for name in PAIR[1:]
        ]
        value = (value + sum(avatars) / len(avatars)) / 2.0
    if not config.needs_pairs or config.beta == 0.0:
        return value, {"unit_loss": value}
    distance = moment_loss(config, features, batch)
    return value + config.beta * distance, {"unit_loss": value, "moment_distance": distance}


def moment_loss(config: Pm2Config, features: Mapping[str, Array], batch: Batch) -> Array:
    """Return L_PM2 of a batch (Eq. 6), or M3SDA's distance of three domains: faces, avatars, target."""
    exact = {name: array.astype(jnp.float32) for name, array in features.items()}
    mask = batch.get("paired")  # of the faces that have avatars; None = all
    if config.method == "pm2":
        distance = functools.partial(paired_moments, over=config.reduction)
        return masked_mean(jax.vmap(distance)(*(exact[name] for name in PAIR)), mask)
    settings = config.adaptation
    avatar_mask = None if mask is None else jnp.concatenate([mask, mask])
    avatars = jnp.concatenate([exact["female"], exact["male"]])
    moments = [
        losses.moments(domain, settings.moments, settings.central, domain_mask)
        for domain, domain_mask in ((exact["image"], None), (avatars, avatar_mask), (exact["target"], None))
    ]
    return losses.multi_source(moments[:2], moments[2], config.reduction)


def second_step(
    config: Pm2Config, detector: Detector, batch: Batch, key: Array, step_fraction: Array
) -> tuple[Array, Info]:
    """Return Eq. 8 for the classifiers: minimal loss on the source, maximal discrepancy on the target.

    beta L_PM2 is left out: it does not depend on the classifiers.
    """
    names = ("image", "target") if config.alpha else ("image",)
    faces = augment_faces(config, detector, batch, key, names)
    features = encode(config, detector, faces)
    value = classifier_loss(config, detector, features["image"], batch)
    if not config.alpha:
        return value, {}
    gap = target_discrepancy(config, detector, features["target"])
    return value - config.alpha * gap, {"discrepancy": gap}


def third_step(
    config: Pm2Config, detector: Detector, batch: Batch, key: Array, step_fraction: Array
) -> tuple[Array, Info]:
    """Return Eq. 9 for the encoder alone."""
    features = encode(config, detector, augment_faces(config, detector, batch, key, ("target",)))
    return config.alpha * target_discrepancy(config, detector, features["target"]), {}


def source_loss(
    config: Pm2Config, detector: Detector, features: Array, faces: Array, batch: Batch, key: Array
) -> Array:
    """Return the classifiers' loss on the labelled faces, plus the encoder's own where it has one.

    The batch's landmarks, if any, are moved as `augment_faces` moves the faces.
    """
    value, encoder_loss = classifier_loss(config, detector, features, batch), ENCODERS[config.encoder].loss
    if encoder_loss is None:
        return value
    if "landmarks" in batch:
        k_source, _ = jax.random.split(key)
        order = mirror_order(batch["landmarks"].shape[1])
        landmarks = augment_points(k_source, batch["landmarks"], config.augment, order)
        batch = {**batch, "landmarks": landmarks}
    return value + encoder_loss(detector.encoder, faces, batch)


def classifier_loss(
    config: Pm2Config, detector: Detector, features: Array, batch: Batch, mask: Array | None = None
) -> Array:
    """Return (L_AU1 + L_AU2) / 2 of features (B, D) for the labels of the batch; mask: as
    `masked_mean`."""
    label_mask = batch.get("units_known", jnp.ones_like(batch["units"], bool))
    loss = jax.vmap(unit_loss, (0, 0, 0, None))
    first, second = (
        masked_mean(loss(logits.astype(jnp.float32), batch["units"], label_mask, config.reduction), mask)
        for logits in detector.classify(features)
    )
    return (first + second) / 2.0


def target_discrepancy(config: Pm2Config, detector: Detector, features: Array) -> Array:
    """Return L_Dis of a batch's features (B, D)."""
    first, second = (logits.astype(jnp.float32) for logits in detector.classify(features))
    return jax.vmap(discrepancy, (0, 0, None))(first, second, config.reduction).mean()


def mean_probability(detector: Detector, features: Array) -> Array:
    """Return Eq. 10 of features (B, D): (B, U) in [0, 1]."""
    first, second = (jax.nn.sigmoid(logits.astype(jnp.float32)) for logits in detector.classify(features))
    return (first + second) / 2.0


def augment_faces(
    config: Pm2Config, detector: Detector, batch: Batch, key: Array, names: tuple[str, ...]
) -> dict[str, Array]:
    """Augment and normalize images of a batch, by name; a face and its avatars alike. Raise
    ConfigError for images that the batch does not have."""
    k_source, k_target = jax.random.split(key)
    missing = [name for name in names if name not in batch]
    if missing:
        raise ConfigError(
            f"method {config.method!r} needs {missing[0]!r} images, which the data do not have; name "
            f"data.{'target' if missing[0] == 'target' else 'pairs'}"
        )
    keys = {name: k_target if name == "target" else k_source for name in names}
    images = {name: augment(key, batch[name], config.augment) for name, key in keys.items()}
    return {name: cast_like(imagenet_normalize(each), detector.first) for name, each in images.items()}


def encode(config: Pm2Config, detector: Detector, faces: Mapping[str, Array]) -> dict[str, Array]:
    """Return features (B, D) of each domain, in one call unless the encoder mixes a batch."""
    if ENCODERS[config.encoder].mixes:
        return {name: detector.encoder(images) for name, images in faces.items()}
    stack = jnp.stack(list(faces.values()), axis=1)  # on axis 1, so that devices keep their examples
    features: Any = detector.encoder(stack.reshape(-1, *stack.shape[2:]))
    features = features.reshape(stack.shape[0], stack.shape[1], -1)
    return {name: features[:, index] for index, name in enumerate(faces)}
