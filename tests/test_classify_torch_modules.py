"""PyTorch modules, models and pipelines of Hugging Face, by stubs of the same interface."""

import contextlib
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jaxface import audit, classify
from jaxface.core.errors import ConfigError, FunctionError, LabelError, ShapeError
from tests import fake_audit

IMAGES = np.random.default_rng(0).random((3, 20, 20, 3), np.float32)
LABELS = {0: "happy", 1: "calm", 2: "sad"}


class Tensor:
    """What jaxface uses of `torch.Tensor`."""

    def __init__(self, array: np.ndarray, device: str = "cpu") -> None:
        self.array, self.device = array, device

    def __iter__(self) -> Any:
        return (Tensor(row, self.device) for row in self.array)

    def to(self, device: str, dtype: str) -> "Tensor":
        return Tensor(self.array.astype(dtype), device)

    def detach(self) -> "Tensor":
        return self

    def float(self) -> "Tensor":
        return Tensor(self.array.astype(np.float32), self.device)

    def cpu(self) -> "Tensor":
        return Tensor(self.array, "cpu")

    def numpy(self) -> np.ndarray:
        assert self.device == "cpu"
        return self.array

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class Module:
    """What jaxface uses of `torch.nn.Module`: mean colours, in half precision on another device."""

    training = True

    def eval(self) -> None:
        self.training = False

    def parameters(self) -> Any:
        yield SimpleNamespace(device="cuda", dtype="float16")

    def __call__(self, images: Tensor) -> Any:
        assert isinstance(images, Tensor) and images.device == "cuda" and images.array.dtype == np.float16
        assert images.array.shape[1] == 3 and not self.training
        return Tensor(images.array.astype(np.float32).mean((2, 3)).astype(np.float16), "cuda")


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(
        nn=SimpleNamespace(Module=Module),
        no_grad=contextlib.nullcontext,
        from_numpy=Tensor,
        stack=lambda tensors: Tensor(np.stack([tensor.array for tensor in tensors])),
    )
    monkeypatch.setitem(sys.modules, "torch", fake)


class Processor:
    """An image processor of Hugging Face: bytes (H, W, 3) to normalised (3, 10, 10)."""

    model_input_names = ("pixel_values",)

    def __call__(self, images: list[np.ndarray], return_tensors: str) -> dict[str, Any]:
        assert all(image.dtype == np.uint8 and image.shape[-1] == 3 for image in images)
        pixels = np.stack([image[::2, ::2] for image in images]).transpose(0, 3, 1, 2) / np.float32(255)
        normalised = ((pixels - 0.5) / 0.25).astype(np.float32)
        return {"pixel_values": Tensor(normalised) if return_tensors == "pt" else normalised}


class Model:
    """A model of Hugging Face that works on NumPy arrays."""

    config = SimpleNamespace(id2label=LABELS, _name_or_path="owner/faces")

    def __call__(self, pixel_values: np.ndarray) -> Any:
        assert isinstance(pixel_values, np.ndarray) and pixel_values.shape[1] == 3
        return SimpleNamespace(logits=pixel_values.mean((2, 3)))


def processor_means() -> np.ndarray:
    halves = np.rint(255 * IMAGES[:, ::2, ::2]) / 255
    return ((halves - 0.5) / 0.25).mean((1, 2))


def test_a_model_with_its_processor() -> None:
    classifier = classify.from_torch(Model(), Processor())
    assert classifier.labels == ("happiness", "calm", "sadness") and classifier.on_host
    assert classifier.name == "faces" and classifier.card.size is None
    np.testing.assert_allclose(classifier.logits(IMAGES), processor_means(), atol=1e-5)


def test_a_pipeline_brings_model_and_processor() -> None:
    pipeline = SimpleNamespace(model=Model(), image_processor=Processor(), task="image-classification")
    classifier = classify.from_torch(pipeline)  # type: ignore[arg-type]
    np.testing.assert_allclose(classifier.logits(IMAGES), processor_means(), atol=1e-5)


@pytest.mark.parametrize("wrap", [lambda a: a, lambda a: {"logits": a}, lambda a: (a, "maps"), lambda a: [a]])
def test_what_modules_return(wrap: Any) -> None:
    classifier = classify.from_torch(lambda x: wrap(x.mean((2, 3))), labels=["happy", "sad", "calm"])
    np.testing.assert_allclose(classifier.logits(IMAGES), IMAGES.mean((1, 2)), atol=1e-6)


def test_a_module_of_pytorch_gets_tensors(torch: None) -> None:
    classifier = classify.from_torch(Module(), labels=LABELS, size=10)
    np.testing.assert_allclose(classifier.logits(IMAGES), IMAGES.mean((1, 2)), atol=0.05)
    assert classifier.name == "Module" and classifier.card.size == 10


def test_a_module_of_pytorch_with_a_processor_or_a_transform(torch: None) -> None:
    classifier = classify.from_torch(Module(), Processor(), LABELS)
    np.testing.assert_allclose(classifier.logits(IMAGES), processor_means(), atol=2e-3)
    classifier = classify.from_torch(Module(), lambda image: Tensor(2 * image.array), LABELS)
    np.testing.assert_allclose(classifier.logits(IMAGES), 2 * IMAGES.mean((1, 2)), atol=2e-3)


def test_a_transform_of_arrays() -> None:
    classifier = classify.from_torch(
        lambda x: x.mean((2, 3)), lambda image: 1 - image, ["happy", "sad", "fear"]
    )
    np.testing.assert_allclose(classifier.logits(IMAGES), 1 - IMAGES.mean((1, 2)), atol=1e-6)


def test_what_does_not_fit_is_one_line() -> None:
    with pytest.raises(LabelError, match=r"no config\.id2label: give labels="):
        classify.from_torch(lambda x: x)
    with pytest.raises(ConfigError, match="needs a module or pipeline, got a int"):
        classify.from_torch(3, labels=["happy"])  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="none of its labels label_0, label_1 is an expression"):
        classify.from_torch(lambda x: x, labels={0: "LABEL_0", 1: "LABEL_1"})
    with pytest.raises(ShapeError, match=r"shape \(3, 3\) for 3 images; must be \(3, 2\)"):
        classify.from_torch(lambda x: x.mean((2, 3)), labels=["happy", "sad"]).logits(IMAGES)
    with pytest.raises(FunctionError, match="raised AttributeError"):
        classify.from_torch(lambda x: x.nothing, labels=["happy", "sad"]).logits(IMAGES)
    with pytest.raises(
        ConfigError, match=r"got a Pipeline for a classifier; make one of it: jf\.classify\.from_torch"
    ):
        classify.load(type("Pipeline", (), {"model": 0, "image_processor": 0})())


def test_an_audit_of_a_model(tmp_path: Any) -> None:
    config = audit.AuditConfig(**{**vars(fake_audit.CONFIG), "expressions": ("happiness", "sadness")})
    classifiers = [classify.from_torch(Model(), Processor())]
    result = audit.run(config, tmp_path, classifiers=classifiers, searcher_factory=fake_audit.build)
    assert result.failures == 0
