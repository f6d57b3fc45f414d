"""The built-in engine's own content: TOML files, read once and only when they are first needed."""

VERSION = 2
"""Raised with every change of the bank's text, since the same seed then gives another proposal."""
