r"""Curvature matrices over a data set: Gauss-Newton and Fisher, of the form sum over examples of (R J)^T (R J).

J is an example's parameter Jacobian and R has k rows on the network's outputs:

    Gauss-Newton        R^T R = Hessian of the loss in the outputs
    Fisher              R^T R = covariance of the score, which for a likelihood is the same Hessian
    Monte Carlo Fisher  R = scores of drawn targets / sqrt(draws)
    empirical Fisher    R = the score of the given target, one row

The P x P matrix is never formed. k rows travel back through the network once, and diagonal, trace, blocks and
Kronecker factors follow from what they meet (``blocks.py``).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, beside, dtype_name, flatten, in_library_of, is_complex, is_numpy, namespace, to_numpy
from ..errors import DtypeError, OptionError, unknown_name
from ..layers import Steps
from ..losses import Loss
from ..losses.base import require_loss
from ..network import Network
from ..operators import Dense, Identity, Kronecker
from ..options import check_whole
from ..parameters import Parameters
from .blocks import Block, parameter_blocks, pull_sums
from .lanczos import eigenvalues, linear_operator
from .memory import itemsize, require_fit
from .points import KinkWatch, require_columns, require_data, require_parameters, require_uncoupled
from .transforms import directions

__all__ = ["Curvature", "fisher", "ggn"]

Rows = Callable[[Array, Array, int], Array]
"""(outputs, targets, index of the first example) -> R, (batch, k, n)."""


@dataclass(frozen=True, eq=False)
class Curvature:
    r"""A symmetric positive semidefinite P x P matrix over a data set, as products and parts.

    Shapes:
        M @ v: (P,), or (P, k) for k columns
        diagonal(): (P,)
        block(name): (p, p)

    Attributes:
        name: what it is, for messages.
        batch: examples taken at a time.
        scale: 1/N for the mean over the data set, 1 for the sum.
        watch: looks for kinks in the first pass over the data.
    """

    name: str
    net: Network
    theta: Parameters
    x: Array
    y: Array
    rows: Rows
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

    # -- products -----------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        from .showing import curvature_html

        return curvature_html(self)

    def __matmul__(self, v: Any) -> Array:
        """Return M v, or M V column by column, in one pass over the data, in the dtype of theta.

        Raises:
            DtypeError: v is no array of real numbers, or of another library than theta.
            ShapeError: v is neither (P,) nor (P, k).
        """
        vector = self._as_theta(require_columns(self.name, v, self.shape[0]))
        if vector.ndim == 1:
            return self._times([vector])[0]
        columns = [vector[:, j] for j in range(vector.shape[1])]
        return namespace(vector).stack(self._times(columns), axis=1)

    def _as_theta(self, v: Array) -> Array:
        like = self.theta.like
        v = beside(v, like, f"{self.name} @ v: v", "theta")
        if v.dtype == like.dtype:
            return v
        if is_complex(v) or (is_numpy(v) and v.dtype.kind not in "fiub"):
            raise DtypeError(f"{self.name} @ v: v has dtype {dtype_name(v)}, expected real numbers, as in float64.")
        return namespace(v).astype(v, like.dtype)

    def _times(self, columns: list[Array]) -> list[Array]:
        """J^T R^T R J v, batch by batch: forward along v, two small products, backward."""
        changes = [directions(self.theta, self.theta.with_vector(v)) for v in columns]
        totals: list[Any] = [None] * len(columns)
        for steps, R in self._batches():
            for index, change in enumerate(changes):
                moved = steps.push_forward(None, change)
                if moved is None:
                    continue
                # The few numbers of the outputs are scaled, not the many of the result.
                rows = ((moved[:, None, :] @ R.mT) @ R)[:, 0, :] * self.scale
                piece = pull_sums(self.theta, steps, rows)[0]
                totals[index] = piece if totals[index] is None else totals[index] + piece
        zero = namespace(self.theta.vector).zeros_like(self.theta.vector)
        return [zero if total is None else total for total in totals]

    def scipy(self) -> Any:
        """Return the matrix as a ``scipy.sparse.linalg.LinearOperator``.

        Raises:
            MissingExtraError: SciPy is not installed.
        """
        dtype = np.dtype(dtype_name(self.theta.like))

        def times(v: Any) -> Any:
            return to_numpy(self @ in_library_of(self.theta.like, np.ascontiguousarray(v, dtype=dtype)))

        return linear_operator(f"{self.name}.scipy", self.shape, dtype, times)

    # -- parts --------------------------------------------------------------------------------------------

    def diagonal(self) -> Array:
        """Return the exact diagonal, (P,)."""
        total = 0
        for blocks in self._blocks():
            total = total + namespace(self.theta.vector).concat([blocks[n].squares() for n in self.net.layout.shapes])
        return total * self.scale

    def trace(self) -> float:
        """Return the exact trace, from norms alone."""
        return self.scale * sum(_sum(block.squared_norms()) for blocks in self._blocks() for block in blocks.values())

    def block(self, name: str, *, memory: int | None = None) -> Array:
        """Return the diagonal block of one parameter (``"0.weight"``) or of one layer (``"0"``), (p, p).

        Raises:
            OptionError: no parameter or layer has the name, or the block does not fit into ``memory`` bytes (half of
                the machine's memory if not given).
        """
        chosen = self.net.layout.chosen(name)
        size = sum(math.prod(self.net.layout.shapes[n]) for n in chosen)
        require_fit(
            f"{self.name}.block({name!r})",
            f"{size:,} x {size:,} numbers",
            size * size * itemsize(self.theta.vector),
            "use products M @ v, diagonal(), or kfac(), which keeps it as two small factors",
            memory,
        )
        total = 0
        for blocks in self._blocks():
            rows = namespace(self.theta.vector).concat([blocks[n].dense() for n in chosen], axis=2)
            rows = namespace(rows).reshape(rows, (-1, rows.shape[2]))
            total = total + rows.mT @ rows
        return total * self.scale

    def kfac(self) -> dict[str, tuple[Array, Array]]:
        """Return Kronecker factors (G, A) of every affine layer: its block is about G (x) A.

        Math:
            G = mean of r^T r over the examples and rows, summed over the rows;   A = mean of (x; 1)(x; 1)^T

        Without a bias A is the mean of x x^T. The product G (x) A is in the order of the row-major weight with its bias
        as a last column, scaled like the whole matrix.
        """
        sums: dict[str, Any] = {}
        count = 0
        for blocks in self._blocks():
            for layer, (rows, x) in _affine_layers(blocks).items():
                xp = namespace(x)
                flat = xp.reshape(rows, (-1, rows.shape[2]))
                G, A = sums.get(layer, (0, 0))
                sums[layer] = (G + flat.mT @ flat, A + x.mT @ x)
                count += x.shape[0] if layer == next(iter(sums)) else 0
        return {layer: (G * self.scale, A / count) for layer, (G, A) in sums.items()}

    def eigenvalues(self, count: int = 6, tolerance: float = 0.0) -> Any:
        """Return the ``count`` largest eigenvalues, descending, by Lanczos on products.

        Raises:
            OptionError: ``count`` is not between 1 and P.
            MissingExtraError: SciPy is not installed.
        """
        return eigenvalues(f"{self.name}.eigenvalues", self.scipy(), count, "LA", tolerance)

    # -- passes over the data -----------------------------------------------------------------------------

    def _batches(self) -> Iterator[tuple[Steps, Array]]:
        for start in range(0, self.x.shape[0], self.batch):
            x, y = (_part(a, start, self.batch, self.theta) for a in (self.x, self.y))
            steps = self.net.linearize(self.theta, x)
            self.watch.see(self.net, steps, x)
            yield steps, self.rows(flatten(steps.output), y, start)
        self.watch.warn()

    def _blocks(self) -> Iterator[dict[str, Block]]:
        for steps, R in self._batches():
            yield parameter_blocks(steps, R)


def _sum(numbers: Array) -> float:
    return float(namespace(numbers).sum(numbers))


def _part(array: Any, start: int, count: int, theta: Parameters) -> Array:
    part = array[start : min(start + count, array.shape[0]), ...]
    return np.asarray(part) if is_numpy(theta.like) else part


def _affine_layers(blocks: dict[str, Block]) -> dict[str, tuple[Array, Array]]:
    """Return (rows, x) by layer for the affine layers; x with a last column of ones where there is a bias."""
    layers = {}
    for name, block in blocks.items():
        B, rows = block.uses[0]
        if len(block.uses) > 1 or not (isinstance(B, Kronecker) and isinstance(B.left, Identity)):
            continue
        if not isinstance(B.right, Dense) or B.right.matrix.ndim != 3 or B.right.shape[0] != 1:
            continue
        x, layer = B.right.matrix[:, 0, :], name.rpartition(".")[0]
        if f"{layer}.bias" in blocks:
            x = namespace(x).concat([x, namespace(x).ones_like(x[:, :1])], axis=1)
        layers[layer] = (rows, x)
    return layers


def ggn(net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, *, batch: int = 512) -> Curvature:
    r"""Return the generalised Gauss-Newton matrix of the loss over a data set.

    Math:
        mean (or sum, as the loss says) over n of J_n^T H_n J_n

    Raises:
        OptionError: ``loss`` is no loss, ``batch`` no whole number of at least 1, or there are no parameters.
        ShapeError, DtypeError: x and y are not as many examples, at least one.
        CoupledBatchError: a layer couples the examples; the message names it.

    Warns:
        KinkWarning: an entry lies exactly on a kink of a layer; in the first pass over the data.

    Source: docs/mathematics.md, "Quantities".
    """
    require_loss("ggn", loss)
    own = replace(loss, reduction="sum")
    return _curvature("ggn", net, theta, x, y, loss, lambda z, t, _: own.hessian_rows(z, t), batch)


def fisher(
    net: Network,
    theta: Parameters,
    x: Array,
    y: Array,
    loss: Loss,
    *,
    kind: str = "true",
    draws: int = 1,
    seed: int = 0,
    batch: int = 512,
) -> Curvature:
    r"""Return the Fisher information matrix of the model whose negative log-likelihood the loss is.

    Math:
        true:       mean over n of J_n^T Cov[score] J_n
        sampled:    the same with the covariance estimated from ``draws`` drawn targets
        empirical:  mean over n of g_n^T g_n, the outer products of the examples' gradients

    Args:
        kind: ``"true"``, ``"sampled"`` or ``"empirical"``.
        draws: targets drawn per example, for ``"sampled"``.
        seed: of the draws; a batch draws by (seed, its first example), so every product sees the same ones.

    Raises:
        OptionError: an unknown kind, ``loss`` is no loss, or a loss that is not a negative log-likelihood; ``draws``,
            ``seed`` or ``batch`` is no such number; or there are no parameters.
        ShapeError, DtypeError: x and y are not as many examples, at least one.
        CoupledBatchError: a layer couples the examples; the message names it.
    """
    require_loss("fisher", loss)
    own = replace(loss, reduction="sum")

    def score(z: Array, t: Array) -> Array:
        return own.value_and_gradient(z, t)[1]

    def sampled(z: Array, t: Array, start: int) -> Array:
        generator = np.random.default_rng([seed, start])
        drawn = [score(z, own.sample(z, generator)) for _ in range(draws)]
        return namespace(z).stack(drawn, axis=1) / draws**0.5

    kinds: dict[str, Rows] = {
        "true": lambda z, t, _: own.hessian_rows(z, t),
        "sampled": sampled,
        "empirical": lambda z, t, _: score(z, t)[:, None, :],
    }
    if not isinstance(kind, str) or kind not in kinds:
        raise unknown_name("kind of Fisher matrix", kind, kinds)
    draws, seed = check_whole("fisher", "draws", draws, 1), check_whole("fisher", "seed", seed, 0)
    if not loss.likelihood:
        raise OptionError(f"fisher: {type(loss).__name__} is not a negative log-likelihood; use ggn instead.")
    return _curvature(f"fisher ({kind})", net, theta, x, y, loss, kinds[kind], batch)


def _curvature(
    name: str, net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, rows: Rows, batch: int
) -> Curvature:
    require_uncoupled(net, name)
    require_parameters(name, net)
    x, y = require_data(name, x, y)
    batch = check_whole(name, "batch", batch, 1)
    scale = 1.0 / x.shape[0] if loss.reduction == "mean" else 1.0
    return Curvature(name, net, theta, x, y, rows, scale, batch, KinkWatch(name))
