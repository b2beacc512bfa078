"""Peers that may be absent."""

from importlib import import_module
from types import ModuleType


def optional(name: str) -> ModuleType | None:
    """A module, or None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None
