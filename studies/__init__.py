"""Reproductions of the papers' tables and comparisons with rival methods; not part of the installed package.

They run from a checkout, driven by `benchmarks/*.py`. They import `jaxface`; `jaxface` never imports them.
"""
