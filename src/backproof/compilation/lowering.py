"""From a network to what runs: trace, passes, and the lowering of the library asked for."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import library as library_of
from ..errors import OptionError, missing_extra
from .passes import optimized
from .program import Lowered, Trace
from .sizes import UntraceableError
from .tracing import trace

__all__ = ["KERNELS", "LIBRARIES", "Library", "Variant", "require_kernels", "variant"]


@dataclass(frozen=True)
class Library:
    """Where the lowering for an array library is.

    Attributes:
        module: of this package; it gives ``lower(trace, style)`` to a ``Lowered`` and ``style(trace, n)``, what of
            a batch of n decides how the source is written. ``Lowered.run(theta, x, y, weights, out)`` returns loss
            and gradient, or None if a check of the targets failed or the loss is not finite.
        name: of the arrays' library.
    """

    module: str
    name: str

    def takes(self, array: Any) -> bool:
        """Whether an array is of this library."""
        return type(array) is np.ndarray if self.name == "numpy" else library_of(array) == self.name

    def native(self, dtype: Any) -> Any:
        """Return the dtype as the library's arrays have it.

        Raises:
            MissingExtraError: the library is not installed.
        """
        try:
            module = importlib.import_module(self.name)
        except ImportError as error:
            raise missing_extra(f"compile(library={self.name!r})", self.name) from error
        return getattr(module, str(dtype)) if self.name == "torch" else dtype


LIBRARIES = {
    "numpy": Library("numpy_lowering", "numpy"),
    "torch": Library("torch_lowering", "torch"),
    "jax": Library("jax_lowering", "jax"),
}

KERNELS = {"numba": "numba_lowering"}
"""Lowerings that compile the elementwise runs of NumPy programs, by the name of the compiler."""


@dataclass(frozen=True)
class Variant:
    """A program for one kind of arguments."""

    trace: Trace
    lowered: Lowered

    @property
    def run(self) -> Callable[..., Any]:
        """What is called."""
        return self.lowered.run  # type: ignore[no-any-return]


def require_kernels(who: str, kernels: Any, library: str = "numpy") -> None:
    """Raise unless kernels can be had.

    Raises:
        OptionError: the compiler is unknown, or not for this library.
        MissingExtraError: it is not installed.
    """
    if kernels is None:
        return
    if not isinstance(kernels, str) or kernels not in KERNELS:
        raise OptionError(f"{who}: kernels={kernels!r:.40}, expected None or {', '.join(map(repr, KERNELS))}.")
    if library != "numpy":
        raise OptionError(f"{who}: kernels={kernels!r} with library={library!r}, expected library='numpy'.")
    try:
        importlib.import_module(kernels)
    except ImportError as error:
        raise missing_extra(f"{who}: kernels={kernels!r}", kernels) from error


def variant(known: dict[Any, Any], program: Any, shape: Any, targets: Any, n: int, weighted: bool) -> Variant:
    """Return the variant for a batch of n from those known, or make it.

    Raises:
        UntraceableError: a layer cannot be traced.
    """
    key = (shape, targets, weighted)
    if (key, None) not in known:
        known[key, None] = _for_any_batch(program, key)
    general = known[key, None]
    which = None if general is not None and general.serves(n) else n
    found = known.get((key, which))
    if found is None:
        found = known[key, which] = _traced(program, key, n)
    name = LIBRARIES[program.library].module if program.kernels is None else KERNELS[program.kernels]
    module = importlib.import_module(f".{name}", __package__)
    style = module.style(found, n)
    result = known.get((key, which, style))
    if result is None:
        result = known[key, which, style] = Variant(found, module.lower(found, style))
    return result


def _for_any_batch(program: Any, key: Any) -> Trace | None:
    """Return the trace for any batch size, None if a layer must know it."""
    try:
        return _traced(program, key, None)
    except UntraceableError:
        return None


def _traced(program: Any, key: Any, batch: int | None) -> Trace:
    shape, targets, weighted = key
    made = trace(program.net, program.loss, shape, targets, program.dtype, batch=batch, weighted=weighted)
    return optimized(made)
