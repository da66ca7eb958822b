"""A whole mending: from a config to a classifier's folder, with the audits of other people before and after."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxface import classify, data, search
from jaxface.audit.expressions import SearcherFactory
from jaxface.audit.inputs import OBJECT
from jaxface.classify import Classifier
from jaxface.classify.card import CARD_FILE
from jaxface.classify.loading import is_own_onnx
from jaxface.classify.registry import no_classifier
from jaxface.core import run_folder
from jaxface.core.config import to_dict
from jaxface.core.errors import ConfigError, StoreError
from jaxface.core.progress import Progress, ProgressLike, choose
from jaxface.data import Dataset
from jaxface.data.registry import parse_options
from jaxface.mending.audits import EffectPair, audit_both, audit_config
from jaxface.mending.config import MendConfig
from jaxface.mending.flips import changed_answers
from jaxface.mending.ground import CHOOSING, TESTING, Ground, build_ground, training_set
from jaxface.mending.measures import build_probe
from jaxface.mending.mend_page import write_page
from jaxface.mending.panels import Panel, measure
from jaxface.mending.registry import OF_EMBEDDING
from jaxface.mending.result import Limits, MendResult, judge, write_files
from jaxface.mending.student import embedding_width, require_trainable, write
from jaxface.mending.training import MendFramework, train_candidate

SETTINGS = "mend.toml"
CANDIDATES, TEST_HEAD = "candidates", "test_head"


def mend(
    config: MendConfig,
    out: str | Path,
    progress: ProgressLike = None,
    *,
    searcher_factory: SearcherFactory = search.build,
) -> MendResult:
    """Fine-tune a classifier in the folder `out`, or resume there, until it depends less on the interventions.

    Each `alpha` gives a candidate. Of those that lose no more accuracy and agreement than allowed, the one
    with the least bias is written to the folder as a classifier, and audited beside the original on people
    whom nothing was trained on or chosen by: `before/`, `after/` and `after_same_faces/` are surveys. Without
    one the original is kept, and nothing audited.

    Args:
        progress: None = a bar where somebody watches.
        searcher_factory: makes the closing audits' searcher of each classifier.

    Returns:
        What was found; its tables are in curve.csv, mend.csv and mend.json, too.

    Raises:
        ConfigError: a classifier that cannot be trained or knows none of the expressions, an intervention that
            does not exist or that the head cannot take.
        CheckpointError, DataError, ModelFileError: a classifier, data set or head that cannot be read.
        FunctionError: the classifier answers NaN.
        StoreError: `out` belongs to another mending, or holds a classifier already.
        TrainingError: numbers that are not finite.
        KeyboardInterrupt: stopped by the user; the same call goes on.
    """
    folder, progress = Path(out), choose(progress)
    classifier = _load(config)
    require_trainable(classifier, config.part)
    if any(name in OF_EMBEDDING for name in config.methods):
        embedding_width(classifier)
    ground = build_ground(config, classifier, config)
    test_ground = None
    if config.test_head.head != "":
        test_ground = build_ground(config, classifier, config.test_head, partial=True)
    dataset = (
        None if config.data is None else data.open(config.data, config.root, **parse_options(config.options))
    )
    _require_own_folder(folder)
    with run_folder.hold(folder, "mending"):
        run_folder.claim(folder, _settings(config), "mending", SETTINGS)
        faces, choosing, testing = _render(config, ground, test_ground, dataset, progress)
        original, reference = measure(classifier, choosing)
        framework, classifiers = MendFramework(classifier, config.part), []
        for alpha in config.alpha:
            part = folder / CANDIDATES / f"alpha-{alpha:g}"
            classifiers.append(train_candidate(framework, config, faces, alpha, part, progress))
        measurements = [measure(one, choosing, reference)[0] for one in classifiers]
        limits = Limits(config.max_loss_of_accuracy, config.max_loss_of_agreement)
        candidates, choice = judge(original, config.alpha, measurements, limits)
        result = MendResult(folder, classifier, original, candidates, choice)
        if choice is not None:
            result = _write(config, result, classifiers[choice])
            result = _measure_both(result, classifier, testing)
            result = _audit_both(config, result, (ground, test_ground), progress, searcher_factory)
        write_files(result)
        write_page(result, config)
    return result


def _render(
    config: MendConfig,
    ground: Ground,
    test_ground: Ground | None,
    dataset: Dataset | None,
    progress: Progress,
) -> tuple[Dataset, Panel, Panel]:
    """Return the faces to train on, and what candidates are chosen by and the choice is measured on."""
    progress.start("render faces", 3)
    try:
        faces = training_set(ground, config.people)
        progress.advance()
        panels = []
        for stream in (CHOOSING, TESTING):
            probe = build_probe(ground, stream, config.held_out_people)
            test_probe = None
            if test_ground is not None:
                test_probe = build_probe(test_ground, stream, config.held_out_people)
            panels.append(Panel(probe, test_probe, dataset))
            progress.advance()
    finally:
        progress.close()
    choosing, testing = panels
    return faces, choosing, testing


def _write(config: MendConfig, result: MendResult, choice: Classifier) -> MendResult:
    """Write the choice as a classifier."""
    assert result.choice is not None
    original, alpha = result.classifier, result.candidates[result.choice].alpha
    note = (
        f"fine-tuned from {original.name} against {', '.join(config.against)} by {', '.join(config.methods)} "
        f"(alpha {alpha:g}, {config.part} weights)"
    )
    source = f"mended with jaxface from {original.name} ({original.card.source})"
    classifier = write(result.folder, choice, source, note)
    return dataclasses.replace(result, classifier=classifier)


def _measure_both(result: MendResult, original: Classifier, testing: Panel) -> MendResult:
    before, reference = measure(original, testing)
    after, logits = measure(result.classifier, testing, reference)
    changed = changed_answers(testing.probe, reference.probe, logits.probe, original.labels)
    return dataclasses.replace(result, before=before, after=after, changed=changed)


def _audit_both(
    config: MendConfig,
    result: MendResult,
    grounds: Sequence[Ground | None],
    progress: Progress,
    searcher_factory: SearcherFactory,
) -> MendResult:
    """Audit the original and the choice on each head."""
    audits: dict[str, EffectPair] = {}
    for ground, prefix, folder in zip(grounds, ("", "test head "), (".", TEST_HEAD), strict=True):
        if ground is None or not ground.audited:
            continue
        before, after = (
            audit_config(config, one, ground.head_config, ground.audited)
            for one in (config.classifier, str(result.folder))
        )
        pairs = audit_both(before, after, result.folder / folder, progress, searcher_factory)
        audits |= {prefix + name: pair for name, pair in pairs.items()}
    return dataclasses.replace(result, audits=audits)


def _load(config: MendConfig) -> Classifier:
    if isinstance(config.classifier, Classifier):
        return config.classifier
    if not isinstance(config.classifier, str):
        raise no_classifier(config.classifier)
    if is_own_onnx(config.classifier):
        raise ConfigError(
            f"{config.classifier} runs on the host (ONNX): it has no gradient and cannot be mended; import the "
            "checkpoint that it was made of as a network in JAX (jaxface classifiers import)"
        )
    return classify.load(config.classifier)


def _require_own_folder(folder: Path) -> None:
    if (folder / CARD_FILE).exists() and not (folder / SETTINGS).exists():
        raise StoreError(f"{folder} holds a classifier already; name another folder for what is mended")


def _settings(config: MendConfig) -> dict[str, Any]:
    """Return the config with names in place of objects, as a file holds it."""
    classifier, head, test_head = (
        value if isinstance(value, str) else OBJECT + value.name
        for value in (config.classifier, config.head, config.test_head.head)
    )
    second = dataclasses.replace(config.test_head, head=test_head)
    return to_dict(dataclasses.replace(config, classifier=classifier, head=head, test_head=second))
