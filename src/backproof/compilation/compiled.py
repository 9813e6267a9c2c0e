"""Compiled programs: loss and gradient of one network, statement by statement."""

import functools
import math
import threading
import warnings
from typing import Any

import numpy as np

from ..arrays import Array, is_traced
from ..backpropagation import value_and_gradient
from ..errors import DtypeError, OptionError
from ..losses import Loss
from ..losses.base import require_loss
from ..network import Network
from ..parameters import Parameters
from .lowering import LIBRARIES, Variant, require_kernels, variant
from .program import Trace
from .shapes import first_targets, input_shape_of, is_length, require_input_shape
from .sizes import UntraceableError

__all__ = ["Program", "compile"]


def compile(
    net: Network,
    *,
    loss: Loss,
    batch: int | None = None,
    dtype: Any = "float32",
    library: str = "numpy",
    input_shape: tuple[int, ...] | None = None,
    kernels: str | None = None,
) -> "Program":
    """Return loss and gradient of a network as a straight-line program.

    The ordinary formulas are run once on symbolic arrays. What they do is written down, shortened, given memory that
    is planned in advance, and compiled. The result is called as ``program(theta, x, y)`` and gives the numbers of
    ``value_and_gradient`` up to rounding.

    Args:
        net: the network.
        loss: a loss, as in ``CrossEntropy()``.
        batch: the number of examples that source and memory are shown for; the program takes any.
        dtype: of parameters and inputs, ``"float32"`` or ``"float64"``.
        library: ``"numpy"``, ``"torch"`` or ``"jax"``.
        input_shape: of one example, where the first layer does not tell it.
        kernels: ``"numba"`` lets numba compile what stands between the products of matrices, for NumPy; that takes
            a second or more at the first call, and the last digits may differ.

    Raises:
        OptionError: ``loss`` is no loss, the library or ``kernels`` is unknown, or a number is impossible.
        MissingExtraError: the library or numba is not installed.
        ShapeError: the layers do not fit one another or ``input_shape``.
        DtypeError: the dtype is not floating.

    A layer that cannot be traced is named in a warning, and the program then evaluates the ordinary way
    (``program.compiled`` is False).
    """
    if not isinstance(net, Network):
        raise OptionError(f"compile: net is {net!r:.40}, expected a Network.")
    require_loss("compile", loss)
    if library not in LIBRARIES:
        raise OptionError(f"compile: library={library!r:.40}, expected one of {', '.join(LIBRARIES)}.")
    if batch is not None and not is_length(batch):
        raise OptionError(f"compile: batch={batch!r:.40}, expected a whole number of at least 1, or None.")
    require_kernels("compile", kernels, library)
    if input_shape is not None:
        input_shape = require_input_shape("compile", input_shape)
    return Program(net, loss, batch, _floating(dtype), library, input_shape, kernels=kernels)


def _floating(dtype: Any) -> Any:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind.char not in "fd":
        raise DtypeError(f"compile: dtype={dtype!r:.40}, expected 'float32' or 'float64'.")
    return kind


class Program:
    """Loss and gradient of one network and loss, compiled: made by ``compile``.

    Attributes:
        net, loss, dtype, library, kernels: what it was compiled for.
        compiled: whether it is; False if a layer cannot be traced.
        reason: why not, naming layer and line; empty if it is.

    Threads: several may call one program; each has memory of its own. A copy, also by pickle, is compiled anew.
    """

    def __init__(
        self,
        net: Network,
        loss: Loss,
        batch: int | None,
        dtype: Any,
        library: str,
        input_shape: tuple[int, ...] | None,
        *,
        silent: bool = False,
        kernels: str | None = None,
    ) -> None:
        self.net, self.loss, self.dtype, self.library, self.kernels = net, loss, dtype, library, kernels
        self.batch, self.input_shape, self.reason = batch, input_shape, ""
        self._layout = net.layout
        self._variants: dict[Any, Any] = {}
        self._ready: dict[Any, Any] = {}
        self._lock, self._silent = threading.Lock(), silent
        self._native = LIBRARIES[library].native(dtype)
        shape = input_shape_of(net) if input_shape is None else tuple(input_shape)
        self._shown: tuple[Any, Any] | None = None
        if shape is not None and not silent:
            net.output_shape(shape)
            self._shown = shape, first_targets(net, loss, shape, dtype)
            self._variant(*self._shown, batch or 2, False)

    @classmethod
    def quiet(cls, net: Network, loss: Loss, dtype: Any, kernels: str | None = None) -> "Program":
        """Return a NumPy program that is made when it is first called, and without a warning if it cannot be."""
        return cls(net, loss, None, np.dtype(dtype), "numpy", None, silent=True, kernels=kernels)

    @property
    def compiled(self) -> bool:
        """Whether calls run the straight line; False if a layer cannot be traced."""
        return not self.reason

    def __call__(
        self, theta: Parameters, x: Array, y: Array, *, weights: Array | None = None, out: Parameters | None = None
    ) -> tuple[Array, Parameters]:
        """Return the loss and its gradient.

        Args:
            theta: the parameters.
            x, y: the batch, of any size.
            weights: (batch,) example weights.
            out: parameters whose vector the gradient is written into (NumPy), saving an allocation.

        Raises:
            The errors of ``value_and_gradient``, and DtypeError if theta has another dtype than the program.
        """
        try:
            run = self._ready[x.__class__, x.shape, x.dtype, y.__class__, y.shape, y.dtype, weights is None]
            fits = theta.layout is self._layout and theta.like.dtype == self._native
        except (KeyError, AttributeError, TypeError):
            fits = False
        if not fits:
            ordinary, run = self._checked(theta, x, y, weights, out)
            if run is None:
                return ordinary
        plain = weights is None or _usable(weights, x)
        result = run(theta, x, y, weights, out) if plain else None
        # Whatever is wrong with the numbers, the ordinary way says where it arises.
        if result is None:
            return value_and_gradient(self.net, theta, x, y, self.loss, weights=weights, out=out)
        return result  # type: ignore[no-any-return]

    # -- deciding what to run -----------------------------------------------------------------------------

    def _checked(
        self, theta: Parameters, x: Any, y: Any, weights: Any, out: Any
    ) -> tuple[tuple[Array, Parameters], Any]:
        """Check arguments that are of a new kind by running them the ordinary way; return that, and what runs them."""
        vector = getattr(theta, "like", None)
        if vector is not None and hasattr(vector, "dtype") and str(vector.dtype).rsplit(".", 1)[-1] != str(self.dtype):
            raise DtypeError(
                f"program: theta has dtype {vector.dtype}, the program {self.dtype}; compile it with that dtype, or "
                f"convert theta, as in theta.astype('{self.dtype}')."
            )
        ordinary = value_and_gradient(self.net, theta, x, y, self.loss, weights=weights, out=out)
        if self.reason or not all(LIBRARIES[self.library].takes(array) for array in (vector, x, y)):
            return ordinary, None
        found = self._variant(tuple(x.shape[1:]), _kind(y), x.shape[0], weights is not None)
        if found is None:
            return ordinary, None
        # The layout has the network's names and shapes, else the ordinary way would have raised.
        self._layout, self._shown = theta.layout, self._shown or (tuple(x.shape[1:]), _kind(y))
        with self._lock:
            if len(self._ready) > 64:
                self._ready.clear()
            self._ready[x.__class__, x.shape, x.dtype, y.__class__, y.shape, y.dtype, weights is None] = found.run
        return ordinary, found.run

    def _variant(self, shape: tuple[int, ...], targets: Any, n: int, weighted: bool) -> Variant | None:
        """Return the program for a batch of n, from those made already or new; None if that cannot be."""
        try:
            with self._lock:
                if len(self._variants) > 256:
                    self._variants.clear()
                return variant(self._variants, self, shape, targets, n, weighted)
        except UntraceableError as error:
            self.reason = str(error)
            if not self._silent:
                warnings.warn(f"compile: {error}; evaluated the ordinary way.", stacklevel=4)
            return None

    # -- what it is ---------------------------------------------------------------------------------------

    def _displayed(self, n: int | None = None) -> Variant:
        if self.reason:
            raise OptionError(f"program: not compiled, so there is no source: {self.reason}.")
        if self._shown is None:
            raise OptionError("program: the shape of an input is not known; give input_shape=, or call it once.")
        shape, targets = self._shown
        found = self._variant(shape, targets, n or self.batch or 2, False)
        return self._displayed() if found is None else found

    @property
    def trace(self) -> Trace:
        """The statements as data, for a batch of ``batch`` (or any)."""
        return self._displayed().trace

    @property
    def source(self) -> str:
        """The program's text."""
        return self._displayed().lowered.source

    def memory(self, batch: int | None = None) -> int:
        """Return the bytes of all buffers for a batch, parameters and gradient not counted.

        Raises:
            OptionError: the library plans the memory itself, or no batch is given here or in ``compile``.
        """
        n = batch or self.batch
        if n is None:
            raise OptionError("program.memory: no batch given, expected memory(batch) or compile(..., batch=...).")
        memory = self._displayed(n).lowered.memory
        if memory is None:
            raise OptionError(f"program.memory: {self.library} plans the memory itself, expected 'numpy' or 'torch'.")
        return int(memory(n))

    def __reduce__(self) -> Any:
        make = functools.partial(Program, silent=self._silent, kernels=self.kernels)
        return make, (self.net, self.loss, self.batch, self.dtype, self.library, self.input_shape)

    def __repr__(self) -> str:
        state = "compiled" if self.compiled else "not compiled"
        return f"Program({len(self.net)} layers, {type(self.loss).__name__}, {self.dtype}, {self.library}, {state})"

    def __str__(self) -> str:
        from .printing import listing

        return listing(self) if self.compiled and self._shown is not None else repr(self)


def _usable(weights: Any, x: Any) -> bool:
    """Whether example weights are as the formulas ask for, and of the library and dtype of the inputs."""
    if type(weights) is not type(x) or weights.dtype != x.dtype or tuple(weights.shape) != (x.shape[0],):
        return False
    if is_traced(weights):
        return True
    if getattr(weights, "device", None) != getattr(x, "device", None):
        return False
    return bool((weights >= 0).all()) and 0 < float(weights.sum()) < math.inf


def _kind(y: Any) -> tuple[str, tuple[int, ...]]:
    """Return dtype and example shape of targets."""
    return str(y.dtype).rsplit(".", 1)[-1], tuple(y.shape[1:])
