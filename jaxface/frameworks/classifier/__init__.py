"""Plain classifiers: any registered architecture with cross-entropy, and the recipes that their authors
give."""

from jaxface.frameworks.classifier.config import ClassifierConfig
from jaxface.frameworks.classifier.train import FRAMEWORK

__all__ = ["FRAMEWORK", "ClassifierConfig"]
