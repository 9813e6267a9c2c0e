"""Optimisers: frozen settings, and a few vector operations on the one parameter vector per step.

Formulas are those of ``torch.optim``. Moments are kept without their factors (1 - beta), which move into the
step's coefficients: two passes over memory less. Long vectors are updated in blocks that stay in the cache.
"""

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ..arrays import Array
from ..errors import OptionError

BLOCK = 2**18
"""How many parameters are updated at a time: five float32 arrays of this length, 5 MiB, fit into a shared cache."""

_FLUSH_BITS = 26
"""Between two flushes a moment may fade by 2^26 at most."""

_FLUSH_STEPS = 100
"""At least this often: squares of tiny gradients may be denormal from the start."""

Coefficients = Sequence[Any]


@dataclass
class Memory:
    """What an optimiser carries from step to step.

    Shapes:
        moments[name], scratch: (P,)

    Attributes:
        moments: arrays that are part of the optimiser's state.
        scratch: room for intermediate results; its content means nothing between steps.
        count: steps taken.
    """

    moments: dict[str, Array]
    scratch: Array
    count: int = field(default=0)
    _blocks: tuple[tuple[Array, ...], list[tuple[Any, ...]]] | None = field(default=None, repr=False, compare=False)

    def blocks(self, vector: Array, gradient: Array) -> list[tuple[Any, ...]]:
        """Return where each block lies, and its views of vector, gradient, scratch and moments; made once."""
        arrays = (vector, gradient, self.scratch, *self.moments.values())
        known = self._blocks
        if known is None or len(known[0]) != len(arrays) or any(map(operator.is_not, known[0], arrays)):
            places = [slice(i, i + BLOCK) for i in range(0, len(vector), BLOCK)]
            views = [(where, *(array[where] for array in arrays)) for where in places]
            known = self._blocks = arrays, views
        return known[1]

    def __getstate__(self) -> dict[str, Any]:
        # Copied one by one, the views would no longer be views.
        return {**self.__dict__, "_blocks": None}


@dataclass(frozen=True)
class Optimizer(ABC):
    """A rule that moves the parameters against the gradient.

    A subclass gives ``_coefficients`` (numbers of one step) and ``_update`` (vector operations on one block).

    Args:
        learning_rate: at the start; a schedule multiplies it.
    """

    learning_rate: float = 1e-2

    names: ClassVar[tuple[str, ...]] = ()
    """Names of the moments."""
    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the parameters directly instead of being added to the gradient."""

    def __post_init__(self) -> None:
        _check_range(self, "learning_rate", 0.0, math.inf)

    def start(self, vector: Array) -> Memory:
        """Return the memory before the first step: all moments zero."""
        return Memory({name: np.zeros_like(vector) for name in self.names}, np.empty_like(vector))

    def step(
        self,
        vector: Array,
        gradient: Array,
        memory: Memory,
        learning_rate: float,
        weight_decay: float | Array = 0.0,
        kernels: str | None = None,
    ) -> None:
        """Take one step in place.

        Shapes:
            vector, gradient: (P,)
            weight_decay: a number, or (P,)

        Args:
            vector: the parameters, overwritten.
            gradient: of the loss; overwritten where weight decay is added to it.
            memory: of this optimiser for this vector, overwritten.
            learning_rate: of this step.
            weight_decay: lambda; ``lambda theta`` is added to the gradient, or if the optimiser is decoupled
                ``learning_rate lambda theta`` is taken from theta.
            kernels: ``"numba"`` lets numba compile the update where that pays (Adam's).
        """
        memory.count += 1
        # Beside arrays, NumPy takes its own numbers faster than Python's.
        coefficients = [np.array(c, vector.dtype) for c in self._coefficients(memory.count, learning_rate)]
        decays = isinstance(weight_decay, np.ndarray) or weight_decay != 0
        update = self._update if kernels is None else self._compiled_update
        for where, w, g, s, *moments in memory.blocks(vector, gradient):
            if decays:
                part = weight_decay[where] if isinstance(weight_decay, np.ndarray) else weight_decay
                self._decay(w, g, s, part, learning_rate)
            update(w, g, s, moments, coefficients)
        if memory.count % self._flush_interval == 0:
            self._flush(memory)

    def _decay(self, w: Array, g: Array, s: Array, weight_decay: float | Array, learning_rate: float) -> None:
        if self.decoupled and not isinstance(weight_decay, np.ndarray):
            w *= 1 - learning_rate * weight_decay
            return
        np.multiply(w, weight_decay, out=s)
        if self.decoupled:
            s *= learning_rate
            w -= s
        else:
            g += s

    @abstractmethod
    def _coefficients(self, count: int, learning_rate: float) -> Coefficients:
        """Return the numbers that step ``count`` (from 1) needs."""

    @abstractmethod
    def _update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        """Update one block in place; ``s`` is scratch."""

    def _compiled_update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        """Update one block as ``_update`` does, with a compiled loop if there is one."""
        self._update(w, g, s, moments, c)

    @property
    def _decay_rates(self) -> tuple[float, ...]:
        """The factors by which the moments shrink in a step without gradient, in their order; 0: nothing is left."""
        return (0.0,) * len(self.names)

    @property
    def _flush_interval(self) -> int:
        """After how many steps moments are flushed, so that none falls from the threshold to a denormal between."""
        fading = min((rate for rate in self._decay_rates if rate > 0), default=1.0)
        if fading == 1:
            return _FLUSH_STEPS
        return max(1, min(_FLUSH_STEPS, int(_FLUSH_BITS * math.log(2) / -math.log(fading))))

    def _flush(self, memory: Memory) -> None:
        """Set moments that would be denormal before the next flush, and slow every operation on them, to zero.

        Where the last moment goes, those before it go as well: the step divides by it, and without it would leap.
        """
        gone: Any = False
        for name, rate in zip(self.names[::-1], self._decay_rates[::-1], strict=True):
            moment = memory.moments[name]
            size = np.abs(moment, out=memory.scratch)
            low = np.finfo(moment.dtype).tiny / (rate**self._flush_interval or 1.0)
            gone = gone | ((size < low) & (size > 0))
            np.copyto(moment, 0, where=gone)


def _check_range(who: Optimizer, name: str, low: float, high: float) -> None:
    value = getattr(who, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < high:
        bound = "a finite number" if high == math.inf else f"a number below {high:g}"
        raise OptionError(f"{type(who).__name__}: {name}={value!r}, expected {bound}, {low:g} or more.")


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent.

    Math:
        theta <- theta - learning_rate g
    """

    def _coefficients(self, count: int, learning_rate: float) -> Coefficients:
        return (learning_rate,)

    def _update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        np.multiply(g, c[0], out=s)
        w -= s


@dataclass(frozen=True)
class Momentum(SGD):
    """Gradient descent with momentum (the heavy ball).

    Math:
        v <- momentum v + g,   theta <- theta - learning_rate v
    """

    momentum: float = 0.9
    names: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range(self, "momentum", 0.0, 1.0)

    @property
    def _decay_rates(self) -> tuple[float, ...]:
        return (self.momentum,)

    def _update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        (v,) = moments
        v *= self.momentum
        v += g
        np.multiply(v, c[0], out=s)
        w -= s


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Gradient descent with Nesterov's momentum.

    Math:
        v <- momentum v + g,   theta <- theta - learning_rate (g + momentum v)
    """

    def _update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        (v,) = moments
        v *= self.momentum
        v += g
        np.multiply(v, self.momentum, out=s)
        s += g
        s *= c[0]
        w -= s


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Steps divided by a running root mean square of the gradient.

    Math:
        v <- rho v + (1 - rho) g^2,   theta <- theta - learning_rate g / (sqrt(v) + epsilon)
    """

    rho: float = 0.99
    epsilon: float = 1e-8
    names: ClassVar[tuple[str, ...]] = ("square",)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range(self, "rho", 0.0, 1.0)
        _check_range(self, "epsilon", 0.0, math.inf)

    @property
    def _decay_rates(self) -> tuple[float, ...]:
        return (self.rho,)

    def _coefficients(self, count: int, learning_rate: float) -> Coefficients:
        root = math.sqrt(1 - self.rho)
        return self.epsilon / root, learning_rate / root

    def _update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        (v,) = moments
        np.multiply(g, g, out=s)
        v *= self.rho
        v += s
        np.sqrt(v, out=s)
        s += c[0]
        np.divide(g, s, out=s)
        s *= c[1]
        w -= s


@dataclass(frozen=True)
class Adam(Optimizer):
    """Momentum divided by a running root mean square, both corrected for their start at zero.

    Math:
        m <- beta_1 m + (1 - beta_1) g,   v <- beta_2 v + (1 - beta_2) g^2
        theta <- theta - learning_rate m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    names: ClassVar[tuple[str, ...]] = ("mean", "square")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range(self, "beta_1", 0.0, 1.0)
        _check_range(self, "beta_2", 0.0, 1.0)
        _check_range(self, "epsilon", 0.0, math.inf)

    @property
    def _decay_rates(self) -> tuple[float, ...]:
        return self.beta_1, self.beta_2

    def _coefficients(self, count: int, learning_rate: float) -> Coefficients:
        root = math.sqrt((1 - self.beta_2) / (1 - self.beta_2**count))
        mean = (1 - self.beta_1) / (1 - self.beta_1**count)
        return self.epsilon / root, learning_rate * mean / root, self.beta_1, self.beta_2

    def _update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        m, v = moments
        m *= c[2]
        m += g
        np.multiply(g, g, out=s)
        v *= c[3]
        v += s
        np.sqrt(v, out=s)
        s += c[0]
        np.divide(m, s, out=s)
        s *= c[1]
        w -= s

    def _compiled_update(self, w: Array, g: Array, s: Array, moments: list[Array], c: Coefficients) -> None:
        from .kernels import adam

        # A subclass with a rule of its own keeps it.
        if type(self)._update is Adam._update:
            adam()(w, *moments, g, *c)
        else:
            self._update(w, g, s, moments, c)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters directly, before the step.

    Math:
        theta <- theta - learning_rate weight_decay theta,   then Adam's step
    """

    decoupled: ClassVar[bool] = True


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}
"""The optimisers that the command line and ``Training`` know by name."""
