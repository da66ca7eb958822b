"""A whole mending: from a config to a classifier's folder, with the audits of other people before and after."""

import dataclasses
from pathlib import Path
from typing import Any

from jaxface import classify, data, frameworks, search
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
from jaxface.mending.audits import overall_effects, run_audit
from jaxface.mending.config import MendConfig
from jaxface.mending.ground import CHOOSING, TESTING, build_ground, training_set
from jaxface.mending.measures import Probe, build_probe, logits_of, measure
from jaxface.mending.registry import ADVERSARIAL
from jaxface.mending.result import Measurement, MendResult, judge, write_files
from jaxface.mending.student import embedding_width, require_trainable, write
from jaxface.mending.training import MendFramework, train_candidate

SETTINGS = "mend.toml"
CANDIDATES, BEFORE, AFTER = "candidates", "before", "after"


def mend(
    config: MendConfig,
    out: str | Path,
    progress: ProgressLike = None,
    *,
    searcher_factory: SearcherFactory = search.build,
) -> MendResult:
    """Fine-tune a classifier in the folder `out`, or resume there, until it depends less on the interventions.

    Each `alpha` gives a candidate. Of those that lose no more accuracy than allowed, the one with the least
    bias is written to the folder as a classifier, and audited beside the original on people whom nothing was
    trained on or chosen by: `before/` and `after/` are surveys. Without one the original is kept, and nothing
    audited.

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
    if ADVERSARIAL in config.methods:
        embedding_width(classifier)
    ground = build_ground(config, classifier)
    dataset = (
        None if config.data is None else data.open(config.data, config.root, **parse_options(config.options))
    )
    _require_own_folder(folder)
    with run_folder.hold(folder, "mending"):
        run_folder.claim(folder, _settings(config), "mending", SETTINGS)
        progress.start("render faces", 3)
        try:
            faces = training_set(ground, config.people)
            progress.advance()
            choosing = build_probe(ground, CHOOSING, config.choosing_people)
            progress.advance()
            testing = build_probe(ground, TESTING, config.audit_people)
            progress.advance()
        finally:
            progress.close()
        original, reference = _measurement(classifier, choosing, dataset)
        teacher = logits_of(classifier, faces.rows(range(len(faces)))["image"])
        framework, classifiers = MendFramework(classifier, config.part), []
        for alpha in config.alpha:
            part = folder / CANDIDATES / f"alpha-{alpha:g}"
            classifiers.append(train_candidate(framework, config, faces, teacher, alpha, part, progress))
        measurements = [_measurement(one, choosing, dataset, reference)[0] for one in classifiers]
        candidates, choice = judge(original, config.alpha, measurements, config.max_loss_of_accuracy)
        result = MendResult(folder, classifier, original, candidates, choice)
        if choice is not None:
            result = _close(config, result, classifiers[choice], testing, dataset, progress, searcher_factory)
        write_files(result)
    return result


def _close(
    config: MendConfig,
    result: MendResult,
    choice: Classifier,
    testing: Probe,
    dataset: Dataset | None,
    progress: Progress,
    searcher_factory: SearcherFactory,
) -> MendResult:
    """Write the choice as a classifier, and measure and audit it beside the original."""
    assert result.choice is not None
    folder, original = result.folder, result.classifier
    alpha = result.candidates[result.choice].alpha
    note = (
        f"fine-tuned from {original.name} against {', '.join(config.against)} by {', '.join(config.methods)} "
        f"(alpha {alpha:g}, {config.part} weights)"
    )
    source = f"mended with jaxface from {original.name} ({original.card.source})"
    classifier = write(folder, choice, source, note)
    before, reference = _measurement(original, testing, dataset)
    after, _ = _measurement(classifier, testing, dataset, reference)
    audits = [
        run_audit(config, one, folder / name, progress, searcher_factory)
        for name, one in ((BEFORE, config.classifier), (AFTER, str(folder)))
    ]
    effects_before, effects_after = map(overall_effects, audits)
    return dataclasses.replace(
        result,
        classifier=classifier,
        before=before,
        after=after,
        effects_before=effects_before,
        effects_after=effects_after,
    )


def _measurement(
    classifier: Classifier, probe: Probe, dataset: Dataset | None, reference: Any = None
) -> tuple[Measurement, Any]:
    """Return what a classifier costs and gains, and its logits on unchanged faces."""
    utility, bias, logits = measure(classifier, probe, reference)
    on_data = {}
    if dataset is not None:
        metrics = frameworks.evaluate(classifier, dataset)
        on_data = {name: float(metrics[name]) for name in ("accuracy", "calibration_error")}
    return Measurement(utility, bias, on_data), logits


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
    classifier, head = (
        value if isinstance(value, str) else OBJECT + value.name for value in (config.classifier, config.head)
    )
    return to_dict(dataclasses.replace(config, classifier=classifier, head=head))
