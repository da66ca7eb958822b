"""Classifiers of the Hugging Face Hub, from a local directory; README.md of the folders that jaxface writes."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jaxface import audit, classify, report
from jaxface.classify import exported, model_card, registry
from jaxface.classify.card import Card
from jaxface.cli import main
from jaxface.core.errors import CheckpointError, ConfigError
from tests import fake_audit

yaml = pytest.importorskip("yaml")
IMAGES = np.random.default_rng(0).random((2, 24, 24, 3), np.float32)


def corners(weights: dict[str, Any], images: Any) -> Any:
    """Logits of happy, calm, joy, sad; a pure function of weights and images."""
    return images.mean((1, 2)) @ weights["matrix"]


def card(**fields: Any) -> Card:
    labels = ("happy", "calm", "joy", "sad")
    return Card(**{"name": "mine", "native_labels": labels, "size": 24, "licence": "MIT, (c) me", **fields})


MATRIX = np.array([[9, 1, 2, 0], [0, 1, 1, 2], [1, 2, 1, 3]], np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    exported.write(tmp_path / "mine", card(), corners, {"matrix": MATRIX})
    return tmp_path / "mine"


def front_matter(folder: Path) -> dict[str, Any]:
    text = (folder / "README.md").read_text()
    assert text.startswith("---\n")
    return dict(yaml.safe_load(text.split("---\n")[1]))


@pytest.fixture
def hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A `huggingface_hub` whose repository owner/mine is a local folder; return its calls."""
    calls: list[Any] = []

    def snapshot_download(repo_id: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        calls.append((repo_id, revision))
        if repo_id == "owner/other":
            (tmp_path / "other").mkdir(exist_ok=True)
            return str(tmp_path / "other")
        if repo_id != "owner/mine":
            raise OSError(f"404 Client Error.\nRepository Not Found for url: {repo_id}")
        copy = tmp_path / "cache"
        copy.mkdir(exist_ok=True)
        for pattern in allow_patterns:
            for path in folder.glob(pattern):
                shutil.copy(path, copy / path.name)
        return str(copy)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return calls


def test_a_repository_is_a_folder(hub: list[Any], folder: Path) -> None:
    classifier = classify.load("hf:owner/mine@v1.0")
    assert hub == [("owner/mine", "v1.0")]
    np.testing.assert_array_equal(classifier.logits(IMAGES), classify.load(folder).logits(IMAGES))
    assert classifier.labels == ("happiness", "calm", "sadness")


def test_what_cannot_be_fetched_is_one_line(
    hub: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(name: str) -> str:
        with pytest.raises(CheckpointError) as caught:
            classify.load(name)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "hf:owner/absent cannot be fetched (OSError: 404 Client Error." in refused("hf:owner/absent")
    assert "HF_HUB_OFFLINE" not in refused("hf:owner/absent")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set, and it is not in the cache" in refused("hf:owner/absent")
    assert 'from_torch(transformers.pipeline("image-classification", "owner/other"))' in refused(
        "hf:owner/other"
    )
    for name in ("hf:mine", "hf:", "hf:../x/y", "hf:owner/mine@", "hf:a/b/c"):
        with pytest.raises(ConfigError, match="must be hf:owner/name"):
            classify.load(name)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install huggingface_hub" in refused("hf:owner/mine")
    assert main.run(["classifiers", "show", "hf:owner/mine"]) == 2
    assert "pip install huggingface_hub" in capsys.readouterr().err


def test_an_audit_names_the_repository(hub: list[Any], tmp_path: Path) -> None:
    config = audit.AuditConfig(
        **{
            **vars(fake_audit.CONFIG),
            "classifiers": ("hf:owner/mine",),
            "expressions": ("happiness", "sadness"),
        }
    )
    audit.run(config, tmp_path / "run", searcher_factory=fake_audit.build)
    result = audit.load(tmp_path / "run")
    assert result.config.classifiers == ("hf:owner/mine",)
    assert "happiness" in report.write(result, saliency="none").read_text()


def test_a_folder_has_a_readme(folder: Path) -> None:
    assert front_matter(folder) == {
        "license": "mit",
        "library_name": "jaxface",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition"],
        "labels": ["happiness", "calm", "sadness"],
    }
    text = (folder / "README.md").read_text()
    assert "Calm is not examined; it stays in the softmax." in text
    assert "Its outputs 'happy' and 'joy' are one answer" in text


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache-2.0, Andrey Savchenko", {"license": "apache-2.0"}),
        ("CC0", {"license": "cc0-1.0"}),
        ("unknown", {"license": "unknown"}),
        ('none: "ask" them', {"license": "other", "license_name": 'none: "ask" them'}),
    ],
)
def test_licences_have_identifiers(licence: str, expected: dict[str, str], tmp_path: Path) -> None:
    model_card.write_cards(card(licence=licence), tmp_path)
    head = front_matter(tmp_path)
    assert {key: head[key] for key in head if key.startswith("license")} == expected


def test_a_readme_of_ones_own_is_kept(tmp_path: Path) -> None:
    model_card.write_cards(card(), tmp_path)
    model_card.write_cards(card(licence="CC0"), tmp_path)
    assert front_matter(tmp_path)["license"] == "cc0-1.0"
    (tmp_path / "README.md").write_text("my words\n")
    model_card.write_cards(card(), tmp_path)
    assert (tmp_path / "README.md").read_text() == "my words\n"


def test_an_import_writes_a_readme(tmp_path: Path) -> None:
    bundled = registry.ASSETS / "face-api"
    classify.import_checkpoint("face-api", bundled / "weights.npz", tmp_path / "mine")
    assert front_matter(tmp_path / "mine")["library_name"] == "jaxface"
    assert not (bundled / "README.md").exists()


def test_results_stand_in_the_front_matter(folder: Path, tmp_path: Path) -> None:
    config = audit.AuditConfig(
        **{
            **vars(fake_audit.CONFIG),
            "head": "bundled",
            "classifiers": (str(folder),),
            "expressions": ("happiness", "sadness"),
            "reached_probability": 0.0,
        }
    )
    result = audit.run(config, tmp_path / "run", searcher_factory=fake_audit.build)
    before = front_matter(folder)
    command = ["report", str(result.folder), "--saliency", "none", "--quiet", "--model-card", str(folder)]
    assert main.run(command) == 0 and main.run(command) == 0
    head = front_matter(folder)
    (entry,) = head.pop("model-index")
    assert head == before and entry["name"] == "mine"
    (results,) = entry["results"]
    assert results["task"] == {"type": "image-classification"}
    assert results["dataset"]["name"].startswith("2 people sampled")
    cells = {cell.expression: cell for cell in result.summary.cells if cell.has_score and cell.measurable}
    scores = {one["name"].split(":")[0]: one["value"] for one in results["metrics"] if one["type"] == "score"}
    assert scores and scores == pytest.approx({name: cell.score for name, cell in cells.items()}, abs=1e-6)
    assert "do not use these answers to judge people" in (folder / "README.md").read_text()


def test_results_of_another_classifier_are_refused(folder: Path, tmp_path: Path) -> None:
    exported.write(tmp_path / "other" / "mine", card(), corners, {"matrix": 2 * MATRIX})
    config = audit.AuditConfig(
        **{**vars(fake_audit.CONFIG), "classifiers": (str(folder),), "expressions": ("happiness",)}
    )
    result = audit.run(config, tmp_path / "run", searcher_factory=fake_audit.build)
    with pytest.raises(ConfigError, match=r"is not the 'mine' that .* audited"):
        report.write_model_index(result, tmp_path / "other" / "mine")
    exported.write(tmp_path / "else", card(name="else"), corners, {"matrix": MATRIX})
    with pytest.raises(ConfigError, match="did not audit 'else'"):
        report.write_model_index(result, tmp_path / "else")
    (folder / "README.md").write_text("my words\n")
    with pytest.raises(CheckpointError, match="does not begin with front matter"):
        report.write_model_index(result, folder)


def test_a_model_card_is_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["report", str(tmp_path), str(tmp_path), "--model-card", str(tmp_path)]) == 2
    assert "--model-card takes the results of one run" in capsys.readouterr().err
