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
from ..errors import DtypeError, OptionError, ShapeError, missing_extra
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters
from .blocks import pull_sums

__all__ = ["Hessian", "hessian", "hvp"]

STEP = 1e-20
DENSE_BYTES = 2**31


def hvp(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, v: Any) -> Array:
    r"""Return the product of the Hessian of the loss in the parameters with ``v``, exact to rounding.

    Cost: about four gradients, since complex numbers are two.

    Shapes:
        v: (P,) or parameters
        result: (P,)

    Dtype: computed in float64, returned in that of theta.

    Raises:
        DtypeError: theta is not a NumPy array.
        ShapeError: v does not have P entries.
    """
    return hessian(net, theta, x, y, loss, batch=max(1, x.shape[0])) @ v


@dataclass(frozen=True, eq=False)
class Hessian:
    r"""The Hessian of the loss in the parameters over a data set, as products and parts.

    Shapes:
        H @ v: (P,), or (P, k) for k columns
        dense(): (P, P)

    Attributes:
        scale: 1/N for the mean over the data set, 1 for the sum.
        batch: examples taken at a time.
    """

    net: Network
    theta: Parameters
    x: Array
    y: Array
    loss: Loss
    scale: float
    batch: int = 512

    @property
    def shape(self) -> tuple[int, int]:
        """P x P."""
        return (self.net.layout.size, self.net.layout.size)

    @property
    def dtype(self) -> Any:
        """The parameters' dtype."""
        return self.theta.vector.dtype

    def __matmul__(self, v: Any) -> Array:
        """Return H v, or H V column by column."""
        vector = np.asarray(v.vector if isinstance(v, Parameters) else v)
        if vector.shape[:1] != self.shape[:1] or vector.ndim > 2:
            n = self.shape[0]
            raise ShapeError(f"Hessian @ v: got shape {vector.shape}, expected ({n},) or ({n}, k).")
        if vector.ndim == 1:
            return self._times(vector).astype(self.dtype)
        return np.stack([self._times(column) for column in vector.T], axis=1).astype(self.dtype)

    def _times(self, v: Any) -> Any:
        base = self.theta.vector.astype(np.float64)
        # The step is taken along a unit direction, so that its size is what the analysis assumes.
        length = float(np.linalg.norm(v)) or 1.0
        moved = self.theta.with_vector(base + (STEP / length * 1j) * v)
        total = np.zeros(self.shape[0])
        for x, y in self._batches():
            steps = self.net.linearize(moved, x)
            _, delta = self.loss.value_and_gradient(steps.output, y)
            total += pull_sums(moved, steps, delta)[0].imag
        return total * (self.scale * length / STEP)

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, self.x.shape[0], self.batch):
            part = slice(start, start + self.batch)
            yield np.asarray(self.x[part]).astype(np.complex128), np.asarray(self.y[part])

    def dense(self) -> Array:
        """Return the P x P matrix, one product a column.

        Raises:
            OptionError: it would not fit into memory; the message has the size.
        """
        size = 8 * self.shape[0] ** 2
        if size > DENSE_BYTES:
            raise OptionError(
                f"Hessian.dense: {self.shape[0]:,} parameters give {size / 2**30:.1f} GiB, more than "
                f"{DENSE_BYTES / 2**30:.0f}; use products, block(name) or eigenvalues()."
            )
        return self @ np.eye(self.shape[0])

    def diagonal(self) -> Array:
        """Return the exact diagonal, one product an entry."""
        return np.concatenate([np.diagonal(self.block(name)) for name in self.net.layout.shapes])

    def trace(self) -> float:
        """Return the exact trace, one product a parameter."""
        return float(self.diagonal().sum())

    def block(self, name: str) -> Array:
        """Return the diagonal block of one parameter, (p, p), one product a column."""
        where = self.net.layout.slices[name]
        columns = []
        for index in range(where.start, where.stop):
            unit = np.zeros(self.shape[0])
            unit[index] = 1.0
            columns.append((self @ unit)[where])
        return np.stack(columns, axis=1)

    def scipy(self) -> Any:
        """Return the matrix as a ``scipy.sparse.linalg.LinearOperator``."""
        try:
            from scipy.sparse.linalg import LinearOperator
        except ImportError as error:
            raise missing_extra("Hessian.scipy", "scipy") from error

        def times(v: Any) -> Any:
            return self @ v.reshape(-1)

        return LinearOperator(self.shape, matvec=times, rmatvec=times, dtype=np.dtype(self.dtype))

    def eigenvalues(self, count: int = 6, which: str = "LA", tolerance: float = 0.0) -> Any:
        """Return ``count`` eigenvalues by Lanczos, descending: the largest, or with ``which="SA"`` the smallest."""
        try:
            from scipy.sparse.linalg import eigsh
        except ImportError as error:
            raise missing_extra("Hessian.eigenvalues", "scipy") from error
        start = np.random.default_rng(0).standard_normal(self.shape[0])
        return eigsh(self.scipy(), k=count, which=which, return_eigenvectors=False, v0=start, tol=tolerance)[::-1]


def hessian(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, *, batch: int = 512) -> Hessian:
    """Return the Hessian of the loss over a data set as an operator.

    Raises:
        DtypeError: theta is not a NumPy array.
    """
    if not is_numpy(theta.vector):
        raise DtypeError("hessian: theta is not a NumPy array, expected one; its complex numbers carry the derivative.")
    scale = 1.0 / x.shape[0] if loss.reduction == "mean" else 1.0
    return Hessian(net, theta, x, y, replace(loss, reduction="sum"), scale, batch)
