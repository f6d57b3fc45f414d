"""Which providers this installation offers, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from connectors.providers.bench import BenchProvider
from connectors.providers.builtin.provider import BuiltinProvider
from connectors.providers.protocol import TextProvider, UnknownProvider
from connectors.settings import Settings

DEFAULT = BuiltinProvider.name
"""The provider of requests that name none."""


def providers(settings: Settings) -> Mapping[str, TextProvider]:
    """The providers that these settings offer; `bench` only where `bench_provider` is on."""
    offered: list[TextProvider] = [BuiltinProvider()]
    if settings.bench_provider:
        offered.append(BenchProvider(settings.bench_seconds))
    return MappingProxyType({provider.name: provider for provider in offered})


def find(offered: Mapping[str, TextProvider], name: str) -> TextProvider:
    """The provider of this name; an empty name means the built-in story engine.

    Raises UnknownProvider, which names those there are.
    """
    try:
        return offered[name or DEFAULT]
    except KeyError:
        there = ", ".join(sorted(offered))
        raise UnknownProvider(f"There is no provider “{name[:40]}” here; choose one of: {there}.") from None
