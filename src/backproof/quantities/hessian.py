r"""Hessian-vector products, exact to rounding, and the Hessian as an operator.

The recursion is differentiated once more along a direction v by evaluating it at theta + i h v: for analytic layers

    Im gradient(theta + i h v) / h = H v + O(h^2),

and with h = 1e-20 the remainder is far below rounding, while no difference is taken that could cancel. The formulas
are the same ones; only the numbers carry a derivative in their imaginary part.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, is_numpy
from ..errors import DtypeError
from ..losses import Loss
from ..losses.base import require_loss
from ..network import Network
from ..options import check_whole
from ..parameters import Parameters
from .blocks import pull_sums
from .lanczos import eigenvalues, linear_operator
from .memory import require_fit
from .points import KinkWatch, require_columns, require_data, require_parameters, require_uncoupled

__all__ = ["Hessian", "hessian", "hvp"]

STEP = 1e-20
COLUMNS = 32
"""Columns that are computed in one pass over the data."""


def hvp(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, v: Any) -> Array:
    r"""Return the product of the Hessian of the loss in the parameters with ``v``, exact to rounding.

    Cost: about four gradients, since complex numbers are two.

    Shapes:
        v: (P,) or parameters
        result: (P,)

    Dtype: computed in float64, returned in that of theta.

    Raises:
        OptionError: ``loss`` is no loss.
        DtypeError: theta is not a NumPy array.
        DtypeError: v is complex.
        ShapeError: v does not have P entries.
    """
    require_data("hvp", x, y)
    return hessian(net, theta, x, y, loss, batch=x.shape[0]) @ v


@dataclass(frozen=True, eq=False)
class Hessian:
    r"""The Hessian of the loss in the parameters over a data set, as products and parts.

    Shapes:
        H @ v: (P,), or (P, k) for k columns
        dense(): (P, P)

    Attributes:
        scale: 1/N for the mean over the data set, 1 for the sum.
        batch: examples taken at a time.
        watch: looks for kinks in the first pass over the data.
    """

    net: Network
    theta: Parameters
    x: Array
    y: Array
    loss: Loss
    scale: float
    batch: int
    watch: KinkWatch

    @property
    def shape(self) -> tuple[int, int]:
        """P x P."""
        return (self.net.layout.size, self.net.layout.size)

    @property
    def dtype(self) -> Any:
        """The parameters' dtype."""
        return self.theta.vector.dtype

    def _repr_html_(self) -> str:
        from .showing import curvature_html

        return curvature_html(self)

    def __matmul__(self, v: Any) -> Array:
        """Return H v, or H V column by column, in one pass over the data."""
        vector = np.asarray(require_columns("Hessian", v, self.shape[0]))
        if vector.dtype.kind not in "fiub":
            raise DtypeError(f"Hessian @ v: v has dtype {vector.dtype}, expected real numbers, as in float64.")
        columns = self._times([vector] if vector.ndim == 1 else list(vector.T))
        return (columns[0] if vector.ndim == 1 else np.stack(columns, axis=1)).astype(self.dtype)

    def _times(self, columns: list[Any]) -> list[Any]:
        base = self.theta.vector.astype(np.float64)
        # The step is taken along a unit direction, so that its size is what the analysis assumes.
        units, lengths = zip(*map(_unit, columns), strict=True)
        totals = [np.zeros(self.shape[0]) for _ in columns]
        for x, y in self._batches():
            for index, (unit, total) in enumerate(zip(units, totals, strict=True)):
                moved = self.theta.with_vector(base + (STEP * 1j) * unit)
                steps = self.net.linearize(moved, x)
                if index == 0:
                    self.watch.see(self.net, steps, x)
                _, delta = self.loss.value_and_gradient(steps.output, y)
                total += pull_sums(moved, steps, delta)[0].imag
        self.watch.warn()
        return [total * (self.scale / STEP) * length for total, length in zip(totals, lengths, strict=True)]

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, self.x.shape[0], self.batch):
            part = slice(start, start + self.batch)
            yield np.asarray(self.x[part]).astype(np.complex128), np.asarray(self.y[part])

    def dense(self, *, memory: int | None = None) -> Array:
        """Return the P x P matrix, one product a column.

        Raises:
            OptionError: it does not fit into ``memory`` bytes (half of the machine's memory if not given).
        """
        return self._columns("Hessian.dense", slice(0, self.shape[0]), memory)

    def diagonal(self) -> Array:
        """Return the exact diagonal, one product an entry."""
        size = self.shape[0]
        pieces = [self._part(slice(i, min(i + COLUMNS, size))).diagonal() for i in range(0, size, COLUMNS)]
        return np.concatenate(pieces)

    def trace(self) -> float:
        """Return the exact trace, one product a parameter."""
        return float(self.diagonal().sum())

    def block(self, name: str, *, memory: int | None = None) -> Array:
        """Return the diagonal block of one parameter or one layer, (p, p), one product a column.

        Raises:
            OptionError: no parameter or layer has the name, or the block does not fit.
        """
        slices = [self.net.layout.slices[n] for n in self.net.layout.chosen(name)]
        return self._columns(f"Hessian.block({name!r})", slice(slices[0].start, slices[-1].stop), memory)

    def _columns(self, who: str, where: slice, memory: int | None) -> Array:
        size = where.stop - where.start
        instead = "use products H @ v, diagonal() or eigenvalues()"
        require_fit(who, f"{size:,} x {size:,} numbers", 8 * size * size, instead, memory)
        result = np.empty((size, size), self.dtype)
        for start in range(where.start, where.stop, COLUMNS):
            some = slice(start, min(start + COLUMNS, where.stop))
            result[:, some.start - where.start : some.stop - where.start] = self._part(some, where)
        return result

    def _part(self, columns: slice, rows: slice | None = None) -> Any:
        """Return some columns of H, and of them some rows: the same as the columns if not given."""
        units = np.zeros((self.shape[0], columns.stop - columns.start))
        units[columns] = np.eye(columns.stop - columns.start)
        return (self @ units)[columns if rows is None else rows]

    def scipy(self) -> Any:
        """Return the matrix as a ``scipy.sparse.linalg.LinearOperator``.

        Raises:
            MissingExtraError: SciPy is not installed.
        """
        return linear_operator("Hessian.scipy", self.shape, self.dtype, self.__matmul__)

    def eigenvalues(self, count: int = 6, which: str = "LA", tolerance: float = 0.0) -> Any:
        """Return ``count`` eigenvalues by Lanczos, descending: the largest, or with ``which="SA"`` the smallest.

        Raises:
            OptionError: ``count`` is not between 1 and P, or an unknown ``which``.
            MissingExtraError: SciPy is not installed.
        """
        return eigenvalues("Hessian.eigenvalues", self.scipy(), count, which, tolerance)


def _unit(v: Any) -> tuple[Any, float]:
    """Return v over its length, and the length, both in float64."""
    v = v.astype(np.float64)
    # Over its largest entry first, so that no square overflows or vanishes.
    largest = float(np.abs(v).max(initial=0.0)) or 1.0
    v /= largest
    length = float(np.linalg.norm(v)) or 1.0
    return v / length, length * largest


def hessian(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, *, batch: int = 512) -> Hessian:
    """Return the Hessian of the loss over a data set as an operator.

    Raises:
        OptionError: ``loss`` is no loss, ``batch`` no whole number of at least 1, or there are no parameters.
        ShapeError, DtypeError: x and y are not as many examples, at least one; or theta is not a NumPy array.
        CoupledBatchError: a layer couples the examples, and they are more than one batch.
    """
    require_loss("hessian", loss)
    if not is_numpy(theta.vector):
        raise DtypeError("hessian: theta is not a NumPy array, expected one; its complex numbers carry the derivative.")
    require_parameters("hessian", net)
    x, y = require_data("hessian", x, y)
    batch = check_whole("hessian", "batch", batch, 1)
    if batch < x.shape[0]:
        # The sum over the batches is the loss only where no example depends on those of another batch.
        require_uncoupled(net, f"hessian in batches of {batch:,} of {x.shape[0]:,} examples")
    scale = 1.0 / x.shape[0] if loss.reduction == "mean" else 1.0
    return Hessian(net, theta, x, y, replace(loss, reduction="sum"), scale, batch, KinkWatch("hessian"))
