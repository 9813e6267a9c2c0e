"""Programs as source: readable, complete, and without this library."""

from .writer import PURPOSES, write

__all__ = ["PURPOSES", "write"]
