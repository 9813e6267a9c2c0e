"""Exercises on one layer: its two Jacobians. The answers are what the library's own layers compute."""

from typing import Any

import numpy as np

from ..checking.causes import Cause
from ..layers import (
    AugmentedLinear,
    Chain,
    Layer,
    LayerNorm,
    Linear,
    LogSoftmax,
    Product,
    ReLU,
    Residual,
    Softmax,
    Tanh,
)
from ..losses import SquaredError
from ..network import Network
from .model import Mistake, Point, Task

Draw = np.random.Generator


def draw(g: Draw, *shape: int) -> Any:
    """Return numbers with one digit after the point, none of them zero."""
    return np.where(g.random(shape) < 0.5, -1, 1) * g.integers(2, 16, shape) / 10


def point(layers: list[Layer], arrays: dict[str, Any], x: Any, y: Any = None, loss: Any = None) -> Point:
    """Return a network at one example, with parameters by name."""
    net = Network(layers)
    m = int(np.prod(net.output_shape(x.shape)))
    target, loss = (np.zeros((1, m)), SquaredError()) if loss is None else (y, loss)
    return Point(net, net.parameters(arrays) if arrays else net.initialize(dtype="float64"), x[None], target, loss)


def input_jacobian(where: Point, index: int = 0) -> Any:
    """Return A of one layer of a point's network, as the library computes it."""
    return where.net.linearize(where.theta, where.x)[index].A.dense(where.x)[0]


def _matrix(operator: Any, like: Any) -> Any:
    dense = operator.dense(like)
    return dense[0] if dense.ndim == 3 else dense


def elementwise(g: Draw) -> Task:
    """Tanh of a vector."""
    x = draw(g, 3)
    where = point([Tanh()], {}, x)
    t = np.tanh(x)
    return Task(
        question=r"Let $y = \tanh(x)$, entry by entry, for $x$ in $\mathbb{R}^{3}$. Give the Jacobian "
        r"$A = \partial y/\partial x$ at this point.",
        given={"x": x},
        answer=input_jacobian(where),
        why=r"Output $i$ depends on input $i$ alone, so $A$ is diagonal, with $\tanh'(x_i) = 1 - \tanh(x_i)^{2}$.",
        mistakes=(
            Mistake(
                Cause.WRONG_SHAPE, 1 - t**2, "The derivatives are right; the Jacobian is the matrix with them on "
                "its diagonal."
            ),
            Mistake(
                Cause.MISSING_FACTOR, np.diag(1 - t),
                r"$1 - \tanh^{2} = (1 - \tanh)(1 + \tanh)$: the square is missing.",
            ),
            Mistake(
                Cause.STALE_INPUT, np.diag(1 - np.tanh(t) ** 2),
                r"The derivative is taken at $y$; it belongs at $x$.",
            ),
            Mistake("value instead of derivative", np.diag(t), r"That is $\tanh$ itself on the diagonal."),
        ),
        point=where,
    )  # fmt: skip


def kink(g: Draw) -> Task:
    """ReLU at a point with an entry at zero."""
    x = draw(g, 4)
    x[:2] = np.abs(x[0]), -np.abs(x[1])
    x[int(g.integers(2, 4))] = 0.0
    where = point([ReLU()], {}, x)
    return Task(
        question=r"Let $y = \max(x, 0)$, entry by entry. Give the Jacobian $A = \partial y/\partial x$. At the kink, "
        r"where there is no derivative, take the value that PyTorch and this library take.",
        given={"x": x},
        answer=input_jacobian(where),
        why=r"$A$ is diagonal with 1 where $x_i$ is positive and 0 where it is negative; at $x_i = 0$ there is no "
        "derivative, and the convention is 0.",
        mistakes=(
            Mistake(Cause.KINKS_ONLY, np.diag((x >= 0) * 1.0), "At 0 the convention is 0, as on the left."),
            Mistake(Cause.WRONG_SHAPE, (x > 0) * 1.0, "The slopes are right; they stand on the diagonal of a matrix."),
            Mistake("value instead of derivative", np.diag(np.maximum(x, 0)), "That is ReLU itself on the diagonal."),
        ),
        point=where,
    )


def affine(g: Draw) -> Task:
    """An affine map in its input."""
    W, x, b = draw(g, 2, 3), draw(g, 3), draw(g, 2)
    where = point([Linear(3, 2)], {"0.weight": W, "0.bias": b}, x)
    return Task(
        question=r"Let $y = W x + b$. Give the Jacobian $A = \partial y/\partial x$ at this point.",
        given={"W": W, "x": x, "b": b},
        answer=_matrix(where.net.linearize(where.theta, where.x)[0].A, where.x),
        why=r"$\mathrm{d}y = W\,\mathrm{d}x$ for fixed $W$ and $b$, so $A = W$, at every $x$.",
        mistakes=(
            Mistake(Cause.TRANSPOSED, W.T, r"Rows are outputs, columns inputs: $W$ is 2 x 3 already."),
            Mistake(
                Cause.MISSING_FACTOR, W * x, r"$W_{ij} x_j$ are the terms of the sum; their derivative is $W_{ij}$."
            ),
            Mistake("value instead of derivative", W @ x + b, r"That is $y$ itself."),
        ),
        point=where,
    )


def weight(g: Draw) -> Task:
    """An affine map in its weight, row-major."""
    W, x = draw(g, 2, 3), draw(g, 3)
    where = point([Linear(3, 2, bias=False)], {"0.weight": W}, x)
    B = where.net.linearize(where.theta, where.x)[0].B["weight"]
    return Task(
        question=r"Let $y = W x$, and write the entries of $W$ in one vector, row after row (row-major "
        r"$\operatorname{vec}$). Give the Jacobian $B = \partial y/\partial \operatorname{vec}(W)$, which is $2 "
        r"\times 6$.",
        given={"W": W, "x": x},
        answer=_matrix(B, where.x),
        why=r"$\mathrm{d}y = \mathrm{d}W\,x = (I_2 \otimes x^\top)\operatorname{vec}(\mathrm{d}W)$: output $i$ meets "
        r"row $i$ of $W$ alone, and there its derivative is $x^\top$.",
        mistakes=(
            Mistake(
                "column stacking", np.kron(x, np.eye(2)),
                r"$x^\top \otimes I$ belongs to the $\operatorname{vec}$ that stacks columns; here rows are stacked.",
            ),
            Mistake(
                Cause.MISSING_TERM, np.tile(x, (2, 2)),
                "Output 1 does not depend on row 2 of the weight: there the entries are zero.",
            ),
            Mistake(Cause.WRONG_SHAPE, x, r"$x^\top$ is one block; there is one for every output, on the diagonal."),
            Mistake(
                "derivative in the input", W,
                r"That is $\partial y/\partial x$; asked for is the derivative in the entries of $W$.",
            ),
        ),
        point=where,
    )  # fmt: skip


def augmented(g: Draw) -> Task:
    """The augmented affine map in its matrix."""
    W, x = draw(g, 2, 3), draw(g, 2)
    where = point([AugmentedLinear(2, 2)], {"0.weight": W}, x)
    B, one = where.net.linearize(where.theta, where.x)[0].B["weight"], np.append(x, 1.0)
    return Task(
        question=r"Let $y = W (x; 1)$ with the bias in the last column of $W$. Give the Jacobian "
        r"$B = \partial y/\partial \operatorname{vec}(W)$, rows of $W$ one after another.",
        given={"W": W, "x": x},
        answer=_matrix(B, where.x),
        why=r"$\mathrm{d}y = \mathrm{d}W (x; 1) = (I_2 \otimes (x; 1)^\top)\operatorname{vec}(\mathrm{d}W)$.",
        mistakes=(
            Mistake("column stacking", np.kron(one, np.eye(2)), r"Here the rows of $W$ are stacked, not its columns."),
            Mistake(
                Cause.PERMUTED, np.kron(np.eye(2), np.append(1.0, x)), "The bias is the last column, so the 1 comes "
                "last."
            ),
            Mistake(
                "bias forgotten", np.kron(np.eye(2), x),
                r"The bias column belongs to $W$: the derivative in it is the 1 below $x$.",
            ),
        ),
        point=where,
    )  # fmt: skip


def softmax(g: Draw) -> Task:
    """Softmax of three logits."""
    x = draw(g, 3)
    where = point([Softmax()], {}, x)
    s = np.exp(x) / np.exp(x).sum()
    return Task(
        question=r"Let $s = e^{x} / \sum_j e^{x_j}$. Give the Jacobian $A = \partial s/\partial x$ at this point.",
        given={"x": x},
        answer=input_jacobian(where),
        why=r"$\partial s_i/\partial x_j = s_i ([i = j] - s_j)$, so $A = \operatorname{diag}(s) - s s^\top$: "
        "diagonal plus rank one.",
        mistakes=(
            Mistake(
                Cause.MISSING_TERM, np.diag(s),
                r"The denominator depends on every $x_j$ as well: a term $- s s^\top$ is missing.",
            ),
            Mistake(Cause.DIAGONAL_ONLY, np.diag(s - s**2), "All entries share the denominator, so none is zero."),
            Mistake(Cause.MISSING_TERM, -np.outer(s, s), r"The numerator's own derivative, "
            r"$\operatorname{diag}(s)$, is missing."),
            Mistake("sign of a term", np.diag(s) + np.outer(s, s), r"A larger $x_j$ makes the other shares smaller."),
        ),
        point=where,
    )  # fmt: skip


def log_softmax(g: Draw) -> Task:
    """Log-softmax of three logits."""
    x = draw(g, 3)
    where = point([LogSoftmax()], {}, x)
    s, one = np.exp(x) / np.exp(x).sum(), np.ones(3)
    return Task(
        question=r"Let $y = x - \log \sum_j e^{x_j}$. Give the Jacobian $A = \partial y/\partial x$ at this point.",
        given={"x": x},
        answer=input_jacobian(where),
        why=r"The same number, $\log \sum_j e^{x_j}$, is subtracted from every entry, and its gradient is "
        r"$s^\top$, softmax as a row: $A = I - \mathbf{1} s^\top$.",
        mistakes=(
            Mistake(Cause.TRANSPOSED, np.eye(3) - np.outer(s, one), r"Every row subtracts the same $s^\top$."),
            Mistake(Cause.DIAGONAL_ONLY, np.diag(1 - s), "The logarithm of the sum depends on every entry."),
            Mistake(Cause.MISSING_TERM, -np.outer(one, s), r"The derivative of $x$ itself, $I$, is missing."),
            Mistake(
                "another function", np.diag(s) - np.outer(s, s),
                "That is the Jacobian of softmax; divide row $i$ by $s_i$ for that of its logarithm.",
            ),
        ),
        point=where,
    )  # fmt: skip


def layer_norm(g: Draw) -> Task:
    """Layer normalisation of four numbers."""
    x, gain, shift = draw(g, 4), draw(g, 4), draw(g, 4)
    where = point([LayerNorm(4)], {"0.weight": gain, "0.bias": shift}, x)
    rho = np.sqrt(x.var() + 1e-5)
    h, mean = (x - x.mean()) / rho, np.full((4, 4), 0.25)
    scale, square = (gain / rho)[:, None], np.outer(h, h) / 4
    return Task(
        question=r"Let $y = g \odot h + b$ with $h = (x - m)/\rho$, where $m$ is the mean of $x$ and "
        r"$\rho = \sqrt{v + 10^{-5}}$ with $v$ its variance (divided by $n = 4$). Give the Jacobian "
        r"$A = \partial y/\partial x$.",
        given={"x": x, "g": gain, "b": shift},
        answer=input_jacobian(where),
        why=r"$A = \operatorname{diag}(g/\rho)\left(I - \frac{1}{n}\mathbf{1}\mathbf{1}^\top - \frac{1}{n} h "
        r"h^\top\right)$: "
        "the second term is the mean's derivative, the third that of the variance.",
        mistakes=(
            Mistake(
                Cause.MISSING_TERM, scale * (np.eye(4) - mean),
                r"$\rho$ depends on $x$ too: the term $h h^\top/n$ is missing.",
            ),
            Mistake(
                Cause.MISSING_TERM, scale * (np.eye(4) - square),
                r"The mean depends on $x$ too: the term $\mathbf{1}\mathbf{1}^\top/n$ is missing.",
            ),
            Mistake(
                Cause.MISSING_TERM, scale * np.eye(4), "Mean and variance depend on every entry, so two terms are "
                "missing."
            ),
            Mistake(
                Cause.MISSING_FACTOR, (np.eye(4) - mean - square) / rho,
                r"The gain multiplies every row: $\operatorname{diag}(g)$ is missing.",
            ),
            Mistake(
                Cause.MISSING_FACTOR, gain[:, None] * (np.eye(4) - mean - square), r"The division by $\rho$ is missing."
            ),
        ),
        point=where,
    )  # fmt: skip


def residual(g: Draw) -> Task:
    """x + tanh(W x)."""
    W, x = draw(g, 2, 2), draw(g, 2)
    where = point([Residual(Chain((Linear(2, 2, bias=False), Tanh())))], {"0.0.0.weight": W}, x)
    slope = 1 - np.tanh(W @ x) ** 2
    inner = slope[:, None] * W
    return Task(
        question=r"Let $y = x + \tanh(W x)$. Give the Jacobian $A = \partial y/\partial x$.",
        given={"W": W, "x": x},
        answer=_matrix(where.net.linearize(where.theta, where.x)[0].A, where.x),
        why=r"The derivative of a sum is the sum: $A = I + \operatorname{diag}(1 - \tanh(W x)^{2})\, W$.",
        mistakes=(
            Mistake(Cause.MISSING_TERM, inner, r"The path around the block has the derivative $I$, which is missing."),
            Mistake(
                Cause.MISSING_FACTOR, np.eye(2) + W, r"The slopes of $\tanh$, $\operatorname{diag}(1 - \tanh(W "
                r"x)^{2})$, are missing."
            ),
            Mistake(
                "wrong order", np.eye(2) + W * slope,
                r"$\tanh$ comes last, so its diagonal stands on the left of $W$ and scales rows.",
            ),
        ),
        point=where,
    )  # fmt: skip


def product(g: Draw) -> Task:
    """(W x) times (V x), entry by entry."""
    W, V, x = draw(g, 2, 2), draw(g, 2, 2), draw(g, 2)
    branches = (Linear(2, 2, bias=False), Linear(2, 2, bias=False))
    where = point([Product(branches)], {"0.0.weight": W, "0.1.weight": V}, x)
    first, second = (V @ x)[:, None] * W, (W @ x)[:, None] * V
    return Task(
        question=r"Let $y = (W x) \odot (V x)$, a product entry by entry, as in a gate. Give the Jacobian "
        r"$A = \partial y/\partial x$.",
        given={"W": W, "V": V, "x": x},
        answer=_matrix(where.net.linearize(where.theta, where.x)[0].A, where.x),
        why=r"The product rule, row by row: $A = \operatorname{diag}(V x)\, W + \operatorname{diag}(W x)\, V$.",
        mistakes=(
            Mistake(Cause.MISSING_TERM, first, r"Both factors depend on $x$: $\operatorname{diag}(W x) V$ is missing."),
            Mistake(Cause.MISSING_TERM, second, r"Both factors depend on $x$: $\operatorname{diag}(V x) W$ is "
            r"missing."),
            Mistake(
                "product of derivatives", W * V,
                "The derivative of a product is not the product of the derivatives.",
            ),
            Mistake(
                Cause.PERMUTED, (W @ x)[:, None] * W + (V @ x)[:, None] * V,
                "Each factor's derivative is multiplied by the other factor.",
            ),
        ),
        point=where,
    )  # fmt: skip
