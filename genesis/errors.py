"""The root of every error this product raises on purpose; subclasses live where they are raised."""

import inspect


class GenesisError(Exception):
    """Something went wrong that Genesis Studio has no better word for; the log of the process tells more."""

    def __str__(self) -> str:
        """What was given when raising, or else the class's docstring: one sentence with the remedy."""
        return super().__str__() or inspect.cleandoc(type(self).__doc__ or type(self).__name__)
