"""Plain classifiers: any registered architecture with cross-entropy, or with its authors' recipe."""

from jaxface.frameworks.classifier.config import ClassifierConfig
from jaxface.frameworks.classifier.train import FRAMEWORK

__all__ = ["FRAMEWORK", "ClassifierConfig"]
