"""The training of one candidate, by the frameworks' loop: resumable, to the same bits."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.classify import Classifier
from jaxface.core.checks import Checked, Ge, MinLen, OneOf
from jaxface.core.progress import Progress
from jaxface.core.types import Array
from jaxface.data import AugmentConfig, Dataset, batches
from jaxface.data.augmentation import augment_one
from jaxface.data.fingerprints import fingerprint
from jaxface.frameworks.common.config import OptimizerConfig, Task, TrainConfig
from jaxface.frameworks.common.framework import Batch, Framework, Info, Step
from jaxface.frameworks.common.loop import fit
from jaxface.frameworks.common.step import supervised_step
from jaxface.mending.config import MendConfig, Part
from jaxface.mending.losses import Answers, distillation
from jaxface.mending.registry import ADVERSARIAL, METHODS
from jaxface.mending.student import (
    Student,
    state_with,
    trainable_names,
    weights_in,
    weights_of,
    with_weights,
)


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig(Checked, table="model"):
    """What of a `MendConfig` a training step depends on; `alpha` comes with the batch."""

    methods: Annotated[tuple[Annotated[str, OneOf(METHODS)], ...], MinLen(1)]
    part: Part
    groups: Annotated[int, Ge(1)]
    augment: AugmentConfig


class MendFramework(Framework):
    """Fine-tunes one classifier; not in the registry of frameworks, since it needs that classifier's faces.

    A batch has `image` (B, H, W, 3), `variants` (B, I, H, W, 3), `group` (B, I), `label` (B,) and `alpha` (B,),
    the same in every row, so that all candidates share a program.
    """

    name = "mend"
    config = ObjectiveConfig

    def __init__(self, classifier: Classifier, part: Part) -> None:
        self.classifier, self.names = classifier, trainable_names(classifier, part)

    def build(self, config: ObjectiveConfig, task: Task, rngs: nnx.Rngs) -> Student:
        levels = config.groups + 1 if ADVERSARIAL in config.methods else 0
        return Student(self.classifier, self.names, levels, rngs=rngs)

    def initialize(self, config: ObjectiveConfig, task: Task, state: nnx.State) -> nnx.State:
        return with_weights(state, weights_of(self.classifier))

    def make_step(
        self, config: ObjectiveConfig, task: Task, train: TrainConfig, graphdef: nnx.GraphDef
    ) -> Step:
        methods = [METHODS[name] for name in config.methods]

        def loss(student: Student, batch: Batch, key: Array, step_fraction: Array) -> tuple[Array, Info]:
            answers = self.answers(student, batch, config, key)
            values = [method(answers) for method in methods]
            distance, alpha = distillation(answers), batch["alpha"].mean()
            info = dict(zip(config.methods, values, strict=True))
            value = (1.0 - alpha) * distance + alpha * sum(values) / len(values)
            return value, {"distillation": distance, **info}

        return supervised_step(graphdef, loss, train)

    def answers(self, student: Student, batch: Batch, config: ObjectiveConfig, key: Array) -> Answers:
        """Return the answers to a batch, all its pictures in one pass.

        The pictures of a face are augmented alike, and the original answers what came of the unchanged one: it
        is asked in every step, so that it is followed on more pictures than were rendered.
        """
        pictures = jnp.concatenate([batch["image"][:, None], batch["variants"]], axis=1)
        keys = jax.random.split(key, len(pictures))
        of_face = jax.vmap(lambda key, picture: augment_one(key, picture, config.augment), (None, 0))
        pictures = jax.vmap(of_face)(keys, pictures)
        shape = pictures.shape[:2]
        flat = pictures.reshape(-1, *pictures.shape[2:])
        logits, embedding, guesses = student.answers(self.classifier, flat)
        logits = logits.reshape(*shape, -1)
        return Answers(
            plain=logits[:, 0],
            variants=logits[:, 1:],
            original=student.original_logits(self.classifier, pictures[:, 0]),
            label=batch["label"],
            group=batch["group"],
            embedding=None if embedding is None else embedding.reshape(*shape, -1),
            guesses=None if guesses is None else guesses.reshape(*shape, -1),
            groups=config.groups,
        )

    def predict(self, config: ObjectiveConfig, task: Task, module: Any, images: Array) -> Array:
        return module.answers(self.classifier, images)[0]


def train_candidate(
    framework: MendFramework,
    config: MendConfig,
    faces: Dataset,
    alpha: float,
    folder: Path,
    progress: Progress,
) -> Classifier:
    """Train in a folder, or resume there. Return the classifier with the weights after the last step.

    Args:
        faces: `ground.training_set`.

    Raises:
        StoreError, TrainingError, KeyboardInterrupt: as `fit`.
    """
    classifier = framework.classifier
    columns = {**faces.columns, "alpha": np.full(len(faces), alpha, np.float32)}
    columns.pop("identity")
    examples = dataclasses.replace(faces, columns=columns)
    model = ObjectiveConfig(config.methods, config.part, config.groups, config.augment)
    optimizer = OptimizerConfig("adam", learning_rate=config.learning_rate, warmup=config.steps // 10, clip=1.0)
    train = TrainConfig(
        steps=config.steps,
        batch=config.batch,
        evaluate_every=config.steps,
        checkpoint_every=config.checkpoint_every,
        optimizer=optimizer,
    )
    size = faces[0]["image"].shape[0]
    result = fit(
        framework,
        model,
        train,
        Task(labels=classifier.labels, size=size),
        batches(examples, config.batch, config.seed),
        None,
        folder,
        seed=config.seed,
        settings={"alpha": alpha, "content": fingerprint(examples)},
        progress=progress,
    )
    weights = weights_in(jax.device_get(result.state), classifier)
    return dataclasses.replace(classifier, state=state_with(classifier, weights))
