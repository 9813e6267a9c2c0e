"""Exercises on several layers: the chain rule, the recursion, gradients, costs, kernels."""

import itertools
from typing import Any

import numpy as np

from ..chain import Matrix, plan
from ..checking.causes import Cause
from ..layers import Linear, Shared, Tanh
from ..losses import CrossEntropy, SquaredError
from ..network import Network
from ..operators import Dense, Identity, Kronecker
from ..quantities import jacobian, ntk
from .layer_tasks import Draw, draw, point
from .model import Mistake, Point, Task


def chain(g: Draw) -> Task:
    """A weight after tanh."""
    W, x = draw(g, 2, 2), draw(g, 2)
    where = point([Tanh(), Linear(2, 2, bias=False)], {"1.weight": W}, x)
    slope = 1 - np.tanh(x) ** 2
    return Task(
        question=r"Let $y = W \tanh(x)$. Give the Jacobian $\partial y/\partial x$ as the product of the Jacobians of "
        "the two layers, multiplied out.",
        given={"W": W, "x": x},
        answer=jacobian(where.net, where.theta, where.x).dense()[0],
        why=r"The last function's Jacobian stands on the left: $A_2 A_1 = W \operatorname{diag}(1 - \tanh(x)^{2})$; "
        r"the "
        "diagonal scales the columns.",
        mistakes=(
            Mistake(
                "wrong order", slope[:, None] * W,
                r"That is $A_1 A_2$. The function applied last stands on the left, as in $f_2(f_1(x))$.",
            ),
            Mistake(Cause.MISSING_FACTOR, W, r"$\tanh$ has a derivative too: $A_1$ is missing."),
            Mistake(Cause.MISSING_FACTOR, np.diag(slope), r"The Jacobian of $W$ is missing."),
            Mistake(Cause.TRANSPOSED, (W * slope).T, "Rows are outputs and columns are inputs."),
            Mistake(
                Cause.STALE_INPUT, W * (1 - np.tanh(np.tanh(x)) ** 2), r"$\tanh'$ is taken at the input of its "
                r"layer, $x$."
            ),
        ),
        point=where,
    )  # fmt: skip


def cross_entropy(g: Draw) -> Task:
    """delta_L of the cross-entropy."""
    z, label = draw(g, 3), np.array([int(g.integers(3))])
    s, target = np.exp(z) / np.exp(z).sum(), np.eye(3)[label[0]]
    net = Network([Linear(3, 3, bias=False)])
    where = Point(net, net.parameters({"0.weight": np.eye(3)}), z[None], label, CrossEntropy())
    return Task(
        question=r"The loss of the logits $z$ is $-\log s_c$ with $s$ the softmax of $z$ and $c$ the right class, "
        r"counted "
        r"from 0. Give $\delta = \partial\,\mathrm{loss}/\partial z$, a row.",
        given={"z": z, "c": label[0]},
        answer=CrossEntropy().value_and_gradient(z[None], label)[1],
        why=r"$\delta = s^\top - t^\top$ with $t$ the vector that is 1 at the right class and 0 elsewhere: "
        "prediction minus target.",
        mistakes=(
            Mistake(Cause.SIGN, target - s, "The loss falls when the right logit grows: its entry is negative."),
            Mistake(Cause.MISSING_TERM, s, r"The target is missing: subtract 1 at the right class."),
            Mistake(
                Cause.MISSING_FACTOR, -target / s, r"That is the derivative in $s$; the chain rule goes on to $z$."
            ),
            Mistake(Cause.MISSING_TERM, -target, r"The logarithm of the sum contributes $s$."),
        ),
        point=where,
    )


def delta(g: Draw) -> Task:
    """One step through a weight and tanh."""
    d, W, x = draw(g, 1, 2), draw(g, 2, 3), draw(g, 3)
    where = point([Tanh(), Linear(3, 2, bias=False)], {"1.weight": W}, x)
    steps, slope = where.net.linearize(where.theta, where.x), 1 - np.tanh(x) ** 2
    return Task(
        question=r"Two layers, $x_1 = \tanh(x)$ and $x_2 = W x_1$. Given the row $\delta_2$ = `delta`, the "
        r"derivative of "
        r"a loss in $x_2$, go two steps back: give $\delta_0$, the derivative in $x$.",
        given={"delta": d, "W": W, "x": x},
        answer=steps.A.pull(d),
        why=r"$\delta_1 = \delta_2 W$, then $\delta_0 = \delta_1 \operatorname{diag}(1 - \tanh(x)^{2})$: row times "
        r"matrix, "
        "from the left.",
        mistakes=(
            Mistake(Cause.MISSING_FACTOR, d @ W, r"That is $\delta_1$; one more step leads through $\tanh$."),
            Mistake(Cause.SIGN, -(d @ W) * slope, "Every entry is right but for its sign."),
            Mistake(
                Cause.STALE_INPUT, d @ W * (1 - np.tanh(np.tanh(x)) ** 2),
                r"$\tanh'$ is taken at the input of its layer, $x$, not at its output.",
            ),
            Mistake("value instead of derivative", d @ W * np.tanh(x), r"Multiply by $\tanh'$, not by $\tanh$."),
        ),
        point=where,
    )  # fmt: skip


def gradient(g: Draw) -> Task:
    """The gradient in a weight for one example."""
    d, x = draw(g, 1, 2), draw(g, 3)
    W = draw(g, 2, 3)
    where = point([Linear(3, 2, bias=False)], {"0.weight": W}, x)
    B = where.net.linearize(where.theta, where.x)[0].B["weight"]
    return Task(
        question=r"Let $y = W x$ and let the row $\delta$ = `delta` be the derivative of a loss in $y$. Give the "
        r"gradient of "
        r"the loss in $W$, as a matrix of the shape of $W$.",
        given={"delta": d, "x": x},
        answer=B.pull(d).reshape(2, 3),
        why=r"$\delta\,(I \otimes x^\top)$, put back into the rows of a matrix, is the outer product $\delta^\top "
        r"x^\top$.",
        mistakes=(
            Mistake(Cause.TRANSPOSED, np.outer(x, d), r"That has the shape of $W^\top$: exchange the factors."),
            Mistake(
                "derivative in the input", d @ W, r"That is $\delta W$, the derivative in $x$."
            ),
            Mistake(Cause.MISSING_FACTOR, np.tile(d.T, (1, 3)), r"Entry $(i, j)$ is multiplied by $x_j$."),
            Mistake(Cause.MISSING_FACTOR, np.tile(x, (2, 1)), r"Row $i$ is multiplied by $\delta_i$."),
            Mistake(Cause.SIGN, -np.outer(d, x), "The gradient points uphill; the minus belongs to the step."),
        ),
        point=where,
        kind="gradient",
    )  # fmt: skip


def batch(g: Draw) -> Task:
    """The gradient in a weight for the mean loss of a batch."""
    D, X = draw(g, 4, 2), draw(g, 4, 3)
    B = Kronecker(Identity(2), Dense(X[:, None, :]))
    total = B.pull_sum(D).reshape(2, 3)
    net = Network([Linear(3, 2, bias=False)])
    where = Point(net, net.parameters({"0.weight": np.zeros((2, 3))}), X, -D, SquaredError())
    return Task(
        question=r"Let $y_n = W x_n$ for the four rows $x_n$ of $X$, and let row $n$ of $\Delta$ = `Delta` be the "
        r"derivative of "
        r"example $n$'s own loss in $y_n$. The loss is the **mean** of the four. Give its gradient in $W$, in the "
        r"shape of $W$.",
        given={"Delta": D, "X": X},
        answer=total / 4,
        why=r"Every example gives $\delta_n^\top x_n^\top$; their sum is the one product $\Delta^\top X$, and the mean "
        r"divides it by 4.",
        mistakes=(
            Mistake(Cause.MISSING_MEAN, total, "That is the gradient of the sum; divide by the number of examples."),
            Mistake(Cause.TRANSPOSED, total.T / 4, r"$X^\top \Delta$ has the shape of $W^\top$."),
            Mistake(Cause.MISSING_SUM, np.outer(D[0], X[0]) / 4, "That is the first example's share alone."),
            Mistake(Cause.MISSING_SUM, np.outer(D[0], X[0]), "That is the first example's gradient alone."),
            Mistake(Cause.MISSING_SUM, total / 16, "Divided by the number of examples twice."),
            Mistake(
                "mean before product", np.outer(D.mean(0), X.mean(0)),
                "The mean of products is not the product of the means.",
            ),
        ),
        point=where,
        kind="gradient",
    )  # fmt: skip


def shared(g: Draw) -> Task:
    """One weight used twice."""
    W, x, u = draw(g, 2, 2), draw(g, 2), draw(g, 1, 2)
    where = point([Shared(Linear(2, 2, bias=False), 2)], {"0.0.weight": W}, x)
    B = where.net.linearize(where.theta, where.x)[0].B["0.weight"]
    last, first = np.outer(u, W @ x), np.outer(u @ W, x)
    return Task(
        question=r"The same weight twice: $x_1 = W x$, $x_2 = W x_1$. With the row $\delta_2$ = `u`, the derivative "
        r"of a loss "
        r"in $x_2$, give the gradient of the loss in $W$, in the shape of $W$.",
        given={"W": W, "x": x, "u": u},
        answer=B.pull(u).reshape(2, 2),
        why=r"Every use of $W$ gives a term, and they add: $\delta_2^\top x_1^\top + \delta_1^\top x^\top$ with "
        r"$\delta_1 = \delta_2 W$.",
        mistakes=(
            Mistake(Cause.MISSING_TERM, last, "That is the second use of the weight alone; the first one adds to it."),
            Mistake(Cause.MISSING_TERM, first, "That is the first use of the weight alone; the second one adds to it."),
            Mistake(Cause.MISSING_FACTOR, last + np.outer(u, x), r"On its way to the first use, $\delta$ meets $W$."),
            Mistake(Cause.TRANSPOSED, (last + first).T, r"The gradient has the shape of $W$: $\delta^\top x^\top$."),
            Mistake("the last step twice", 2 * last, "The two uses have inputs and deltas of their own."),
        ),
        point=where,
        kind="gradient",
    )


def _sizes(g: Draw, count: int) -> list[int]:
    """Return sizes for which the orders of multiplication cost differently."""
    return [int(size) for size in g.permutation([2, 3, 4, 5, 6, 8, 10, 20])[:count]]


THREE_DIGITS = 999
"""The largest count that is asked for: every one has to be exact, and three digits have to be enough."""


def _dense_plan(sizes: list[int]) -> Any:
    return plan([Matrix.of(Dense(np.empty((m, n)))) for m, n in itertools.pairwise(sizes)])


def cost(g: Draw) -> Task:
    """Multiplications of left-first and right-first."""
    sizes = _sizes(g, 4)
    found = _dense_plan(sizes)
    while max(found.left_first, found.right_first) > THREE_DIGITS:
        sizes = _sizes(g, 4)
        found = _dense_plan(sizes)
    a, b, c, d = sizes
    both = np.array([found.left_first, found.right_first], dtype=float)
    first = [float(a * b * c), float(b * c * d)]
    return Task(
        question=r"How many multiplications of numbers does the product $A_3 A_2 A_1$ of dense matrices take, from "
        r"the left as "
        r"$(A_3 A_2) A_1$, and from the right as $A_3 (A_2 A_1)$? The sizes from output to input are given: $A_3$ "
        r"is the first "
        "times the second, and so on. Answer with the two counts.",
        given={"sizes": np.array(sizes)},
        answer=both,
        why=r"An $m \times k$ matrix times a $k \times n$ matrix takes $m k n$ multiplications.",
        mistakes=(
            Mistake("wrong order", both[::-1], "From the left comes first."),
            Mistake(Cause.FACTOR, 2 * both, "Multiplications alone were asked for, without the additions."),
            Mistake(Cause.MISSING_TERM, first, "There are two products in either order; the second costs as well."),
        ),
        tolerance=1e-9,
        kind="number",
    )


def best_order(g: Draw) -> Task:
    """The least number of multiplications for four matrices."""
    sizes = _sizes(g, 5)
    found = _dense_plan(sizes)
    while found.multiplications in (found.left_first, found.right_first) or found.multiplications > THREE_DIGITS:
        sizes = _sizes(g, 5)
        found = _dense_plan(sizes)
    return Task(
        question=r"The product $A_4 A_3 A_2 A_1$ of dense matrices can be bracketed in five ways. How many "
        r"multiplications does "
        "the cheapest take? The sizes from output to input are given.",
        given={"sizes": np.array(sizes)},
        answer=float(found.multiplications),
        why=f"The cheapest order is {found.brackets}; dynamic programming over intervals finds it.",
        mistakes=(
            Mistake(
                "from the left", float(found.left_first), "That is the order from the left; another one costs less."
            ),
            Mistake(
                "from the right", float(found.right_first), "That is the order from the right; another one costs less."
            ),
        ),
        tolerance=1e-9,
        kind="number",
    )


def kernel(g: Draw) -> Task:
    """The tangent kernel of a small network."""
    W, v, a, b = draw(g, 3, 2), draw(g, 1, 3), draw(g, 2), draw(g, 2)
    net = Network([Linear(2, 3, bias=False), Tanh(), Linear(3, 1, bias=False)])
    theta = net.parameters({"0.weight": W, "2.weight": v})
    h, k = np.tanh(W @ a), np.tanh(W @ b)
    slopes = (v[0] * (1 - h**2)) @ (v[0] * (1 - k**2))
    return Task(
        question=r"Let $f(x) = v \tanh(W x)$ with one output. Give the neural tangent kernel of the two examples, "
        r"$K(a, b) = J(a) J(b)^\top$, where $J$ is the Jacobian in all parameters, $W$ and $v$.",
        given={"W": W, "v": v, "a": a, "b": b},
        answer=float(ntk(net, theta, a[None], b[None])[0, 0, 0, 0]),
        why=r"A weight with input $h$ and $G = \partial f/\partial(\text{its output})$ gives $(h_a \cdot h_b)\, G_a "
        r"G_b^\top$; add "
        r"the two weights: $\tanh(W a) \cdot \tanh(W b) + (a \cdot b)\, G_a G_b^\top$ with "
        r"$G = v \operatorname{diag}(1 - \tanh(W x)^{2})$.",
        mistakes=(
            Mistake(Cause.MISSING_TERM, h @ k, r"That is the share of $v$; $W$ has one too."),
            Mistake(Cause.MISSING_TERM, (a @ b) * slopes, r"That is the share of $W$; $v$ has one too."),
            Mistake(Cause.MISSING_FACTOR, h @ k + (a @ b) * (v[0] @ v[0]), r"The slopes of $\tanh$ are missing."),
            Mistake(Cause.MISSING_FACTOR, h @ k + slopes, r"The share of $W$ is multiplied by $a \cdot b$."),
        ),
        point=Point(net, theta, a[None], np.zeros((1, 1)), SquaredError()),
        kind="number",
    )
