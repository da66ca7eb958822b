"""Weights of the bundled nets, quantised as their authors publish them, and the licence."""
