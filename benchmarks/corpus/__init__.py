"""Derivatives with planted mistakes: what a checker of derivatives has to find, and what it must not accuse.

``cases()`` gives every function with its correct derivative and its faults; ``benchmarks.checkers`` runs checkers on
them. One file for each kind of function and library; a new case is one entry in the list of a file.
"""

from importlib import import_module

from .case import Case, Fault

FILES = {
    "numpy": (
        "numpy_dense",
        "numpy_elementwise",
        "numpy_losses",
        "numpy_normalizing",
        "numpy_scales",
        "numpy_shapes",
        "numpy_softmax",
    ),
    "torch": ("torch_elementwise", "torch_layers"),
    "jax": ("jax_functions", "jax_layers"),
}

__all__ = ["FILES", "Case", "Fault", "cases"]


def cases(*libraries: str) -> tuple[Case, ...]:
    """Return the cases of the libraries named, of all if none is."""
    names = [name for library in libraries or FILES for name in FILES[library]]
    return tuple(case for name in names for case in import_module(f"{__name__}.{name}").CASES)
