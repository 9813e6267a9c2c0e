"""PyTorch modules as networks and networks as PyTorch modules, with the same weights in the same memory.

PyTorch is imported when one of the names here is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ..errors import missing_extra

if TYPE_CHECKING:
    from .autograd import BackproofFunction as BackproofFunction
    from .autograd import BackproofModule as BackproofModule
    from .conversion import from_torch as from_torch
    from .conversion import to_torch as to_torch

__all__ = ["BackproofFunction", "BackproofModule", "from_torch", "to_torch"]

_HOMES = {
    "BackproofFunction": "autograd",
    "BackproofModule": "autograd",
    "from_torch": "conversion",
    "to_torch": "conversion",
}

if not TYPE_CHECKING:  # else a checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            importlib.import_module("torch")
        except ImportError as error:
            raise missing_extra(f"backproof.{name}", "torch") from error
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
