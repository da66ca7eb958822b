"""Weights of the bundled classifiers, each with its card and its licence."""
