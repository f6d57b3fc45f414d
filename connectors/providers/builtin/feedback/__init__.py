"""What people say about a proposal, read as wishes; `patterns.py` is the list of what is understood."""

from connectors.providers.builtin.feedback.reading import CHIPS, clauses, read

__all__ = ["CHIPS", "clauses", "read"]
