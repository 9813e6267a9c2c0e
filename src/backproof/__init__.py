"""backproof: backpropagation as a product of Jacobian matrices. Run it, read it, check it, prove it.

Names are loaded when they are first used, so that importing backproof costs next to nothing.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import checking as checking
    from . import data as data
    from . import derivation as derivation
    from . import errors as errors
    from . import layers as layers
    from . import losses as losses
    from . import operators as operators
    from . import quantities as quantities
    from . import training as training
    from .backpropagation import *  # noqa: F403
    from .bridges import BackproofFunction as BackproofFunction
    from .bridges import BackproofModule as BackproofModule
    from .bridges import from_torch as from_torch
    from .bridges import to_torch as to_torch
    from .chain import *  # noqa: F403
    from .checking import *  # noqa: F403
    from .compilation import Program as Program
    from .compilation import compile as compile
    from .compilation.writing import write as write
    from .derivation import Derivation as Derivation
    from .derivation import explain as explain
    from .exercises import *  # noqa: F403
    from .layers import *  # noqa: F403
    from .losses import *  # noqa: F403
    from .model import *  # noqa: F403
    from .network import *  # noqa: F403
    from .parameters import *  # noqa: F403
    from .quantities import *  # noqa: F403
    from .summaries import *  # noqa: F403
    from .training import BackproofClassifier as BackproofClassifier
    from .training import BackproofRegressor as BackproofRegressor

__version__ = "0.1.0"

_MODULES = ("checking", "data", "derivation", "errors", "layers", "losses", "operators", "quantities", "training")
_LATE = {
    "BackproofClassifier": "training",
    "BackproofFunction": "bridges",
    "BackproofModule": "bridges",
    "BackproofRegressor": "training",
    "Derivation": "derivation",
    "Program": "compilation",
    "compile": "compilation",
    "explain": "derivation",
    "from_torch": "bridges",
    "to_torch": "bridges",
    "write": "compilation.writing",
}
"""Names whose homes need other packages, so that they are looked into for these names alone."""
_HOMES = (
    "layers",
    "losses",
    "parameters",
    "network",
    "chain",
    "backpropagation",
    "model",
    "summaries",
    "quantities",
    "checking",
    "exercises",
)


if not TYPE_CHECKING:  # else a checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        if name in _LATE:
            return getattr(importlib.import_module(f".{_LATE[name]}", __name__), name)
        for home in () if name.startswith("_") else _HOMES:
            module = importlib.import_module(f".{home}", __name__)
            if name in _public(module):
                globals()[name] = value = getattr(module, name)
                return value
        raise AttributeError(f"module 'backproof' has no attribute {name!r}")

    def _public(module: ModuleType) -> set[str]:
        """Return the names a module offers: its ``__all__``, or what a package of such modules has gathered."""
        names = getattr(module, "__all__", vars(module))
        return {n for n in names if not n.startswith("_") and not isinstance(getattr(module, n), ModuleType)}

    def __dir__() -> list[str]:
        homes = [importlib.import_module(f".{home}", __name__) for home in _HOMES]
        return sorted({"__version__", *_MODULES, *_LATE}.union(*map(_public, homes)))
