"""Independent answers: every check of the suite that a planted fault must trip raises AssertionError here."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import backproof as bp
from backproof.layers import Layer
from backproof.operators import Operator, product_cost, table
from cases import LayerCase, LossCase

TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
Shape = tuple[int, ...]


def agree(came: Any, expected: Any, rtol: float, what: str) -> None:
    """Assert equal shapes, and errors below ``rtol`` times the largest expected entry."""
    came, expected = np.asarray(came), np.asarray(expected)
    assert came.shape == expected.shape, f"{what}: shape {came.shape}, expected {expected.shape}"
    assert np.all(np.isfinite(came)), f"{what}: not finite"
    scale = np.max(np.abs(expected), initial=0.0)
    error = np.max(np.abs(came - expected), initial=0.0)
    assert error <= rtol * scale, f"{what}: error {error:.1e} at scale {scale:.1e}, expected below {rtol:.0e} of it"


def point(
    case: LayerCase, n: int, m: int, batch: int, places: Shape = (), seed: int = 0, dtype: str = "float64"
) -> tuple[Layer, dict[str, Any], Any]:
    """Return a layer, parameters and an input that stays away from the kinks."""
    generator, layer = np.random.default_rng(seed), case.make(n, m)
    shape = (batch, *places, *case.example(n, m))
    x = generator.normal(size=shape) * 1.5
    for kink in case.kinks:
        x = np.where(np.abs(x - kink) < 0.05, x + 0.11, x)
    theta = {name: generator.normal(size=shape) for name, shape in layer.parameter_shapes.items()}
    return layer, {name: array.astype(dtype) for name, array in theta.items()}, x.astype(dtype)


def per_example(operator: Operator, batch: int, like: Any) -> Any:
    """Return the dense matrices, one for every example, as NumPy's."""
    dense = np.asarray(operator.dense(like))
    return np.broadcast_to(dense, (batch, *dense.shape[-2:]))


# -- layers ----------------------------------------------------------------------------------------------------


def torch_layer(case: LayerCase, theta: Mapping[str, Any], x: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Return y, A and B of every example by PyTorch's autodiff of the twin, in float64."""
    p = {name: torch.tensor(array, dtype=torch.float64) for name, array in theta.items()}
    rows = torch.tensor(x, dtype=torch.float64)
    y = case.twin(torch, p, rows)

    def example(p: Any, row: Any, index: int) -> Any:
        # The whole batch passes through, so that a twin may depend on where the example stands.
        return case.twin(torch, p, torch.cat([rows[:index], row[None], rows[index + 1 :]]))[index].reshape(-1)

    pairs = [torch.func.jacrev(example, argnums=(1, 0))(p, rows[i], i) for i in range(len(rows))]
    m, n = y[0].numel(), rows[0].numel()
    A = torch.stack([a.reshape(m, n) for a, _ in pairs])
    B = {name: torch.stack([b[name].reshape(m, -1) for _, b in pairs]) for name in p}
    return y.numpy(), A.numpy(), {name: b.numpy() for name, b in B.items()}


def compare_layer(
    layer: Layer, theta: Mapping[str, Any], x: Any, expected: tuple[Any, Any, Mapping[str, Any]], rtol: float
) -> None:
    """Assert that a layer's output and both Jacobians are the expected ones, and of the dtype of x."""
    y, A, B = expected
    step, batch = layer.linearize(theta, x), x.shape[0]
    agree(layer.forward(theta, x), y, rtol, f"{layer!r}: y by forward")
    agree(step.output, y, rtol, f"{layer!r}: y by linearize")
    agree(per_example(step.A, batch, x), A, rtol, f"{layer!r}: A")
    assert list(step.B) == list(B) == list(layer.parameter_shapes), f"{layer!r}: names {list(step.B)}"
    for name in B:
        agree(per_example(step.B[name], batch, x), B[name], rtol, f"{layer!r}: B[{name}]")
    arrays = [step.output, step.A.dense(x), *(b.dense(x) for b in step.B.values())]
    assert {array.dtype for array in arrays} == {x.dtype}, f"{layer!r}: dtypes {[a.dtype for a in arrays]}"


def check_layer_with_torch(case: LayerCase, *sizes: Any, dtype: str = "float64", seed: int = 0) -> None:
    """Assert that y, A and B are what PyTorch's autodiff gives, at a random point."""
    layer, theta, x = point(case, *sizes, seed=seed, dtype=dtype)
    compare_layer(layer, theta, x, torch_layer(case, theta, x), TOLERANCE[dtype])
    check_backward(layer, theta, x, 1e-12 if dtype == "float64" else 1e-5)


def check_backward(layer: Layer, theta: Mapping[str, Any], x: Any, rtol: float) -> None:
    """Assert that ``backward`` gives delta A and the sum of delta B."""
    step, batch = layer.linearize(theta, x), x.shape[0]
    delta = np.random.default_rng(1).normal(size=(batch, step.A.shape[0])).astype(x.dtype)
    gradient: dict[str, Any] = {}

    def add(name: str, B: Any, row: Any) -> None:
        gradient[name] = gradient.get(name, 0) + B.pull_sum(row)

    back = step.backward(delta, add)
    agree(back, np.einsum("bi,bij->bj", delta, per_example(step.A, batch, x)), rtol, f"{layer!r}: delta A")
    for name, B in step.B.items():
        expected = np.einsum("bi,bij->j", delta, per_example(B, batch, x))
        agree(gradient[name], expected, rtol * 10, f"{layer!r}: delta B[{name}]")


def differentiate(
    function: Callable[[Any], Any], at: Any, batched: bool, derivative: Callable[[Callable[[Any], Any]], Any]
) -> Any:
    """Return (batch, m, n): the derivative of (batch, m) outputs in every entry of ``at``, moved one by one."""
    columns = []
    size = at[0].size if batched else at.size
    for j in range(size):
        direction = np.zeros_like(at)
        direction.reshape(at.shape[0] if batched else 1, size)[:, j] = 1
        columns.append(derivative(lambda t, d=direction: function(at + t * d)))
    return np.stack(columns, axis=-1)


def complex_step(function: Callable[[Any], Any]) -> Any:
    """Return Im f(i h) / h: exact to rounding, no difference is taken."""
    return function(1e-30j).imag / 1e-30


def richardson(function: Callable[[Any], Any]) -> Any:
    """Return central differences with steps h, h/2, h/4, extrapolated to h = 0."""
    h = np.longdouble(1e-3)
    estimates = [(function(s) - function(-s)) / (2 * s) for s in (h, h / 2, h / 4)]
    for order in (4, 16):
        estimates = [(order * b - a) / (order - 1) for a, b in itertools.pairwise(estimates)]
    return estimates[0]


METHODS: dict[str, tuple[Callable[..., Any], Any]] = {
    "complex step": (complex_step, np.complex128),
    "differences": (richardson, np.longdouble),
}


def check_layer_with_steps(case: LayerCase, method: str, *sizes: Any, seed: int = 0) -> None:
    """Assert that A and B are what small steps give, through the layer's own forward."""
    layer, theta, x = point(case, *sizes, seed=seed)
    derivative, dtype = METHODS[method]
    wide, at = {name: array.astype(dtype) for name, array in theta.items()}, x.astype(dtype)

    def flat(y: Any) -> Any:
        return y.reshape(y.shape[0], -1)

    A = differentiate(lambda moved: flat(layer.forward(wide, moved)), at, True, derivative)
    B = {
        name: differentiate(lambda v, n=name: flat(layer.forward({**wide, n: v}, at)), wide[name], False, derivative)
        for name in theta
    }
    y = layer.forward(wide, at)
    expected = (y.real.astype(float), A.astype(float), {name: b.astype(float) for name, b in B.items()})
    compare_layer(layer, theta, x, expected, TOLERANCE["float64"])


# -- losses ----------------------------------------------------------------------------------------------------


def reduced(losses: Any, reduction: str, weights: Any) -> Any:
    """Return the mean or sum of (batch,) losses under example weights, as losses.py states it."""
    if weights is None:
        return losses.mean() if reduction == "mean" else losses.sum()
    return (losses * weights).sum() / (weights.sum() if reduction == "mean" else 1)


def check_loss_with_torch(
    case: LossCase, batch: int, n: int, reduction: str = "mean", weighted: bool = False, dtype: str = "float64",
    seed: int = 0,
) -> None:  # fmt: skip
    """Assert that value, gradient and Hessian are what PyTorch's autodiff gives."""
    generator = np.random.default_rng(seed)
    z, y = generator.normal(size=(batch, n)).astype(dtype), case.targets(generator, batch, n)
    for kink in case.kinks:
        z = np.where(np.abs(z - y - kink) < 0.05, z + 0.11, z).astype(dtype)
    weights = generator.random(batch).astype(dtype) + 0.1 if weighted else None
    loss, rtol = replace(case.loss, reduction=reduction), TOLERANCE[dtype]
    rows, targets = torch.tensor(z, dtype=torch.float64), torch.tensor(y)
    w = None if weights is None else torch.tensor(weights, dtype=torch.float64)

    def total(rows: Any) -> Any:
        return reduced(case.twin(torch, rows, targets), reduction, w)

    value, gradient = loss.value_and_gradient(z, y, weights)
    agree(value, total(rows), rtol, f"{loss}: value")
    agree(loss.value(z, y, weights), total(rows), rtol, f"{loss}: value alone")
    agree(gradient, torch.func.grad(total)(rows), rtol, f"{loss}: gradient")
    agree(loss.examples(z, y), case.twin(torch, rows, targets), rtol, f"{loss}: examples")
    hessian = torch.autograd.functional.hessian(total, rows)
    blocks = np.stack([hessian[i, :, i, :].numpy() for i in range(batch)])
    agree(loss.hessian(z, y, weights).dense(), blocks, rtol, f"{loss}: Hessian")
    assert {value.dtype, gradient.dtype, loss.hessian(z, y, weights).dense().dtype} == {np.dtype(dtype)}


def check_loss_with_steps(case: LossCase, batch: int, n: int, seed: int = 0) -> None:
    """Assert that the gradient is the complex-step derivative of the value, the Hessian that of the gradient."""
    generator = np.random.default_rng(seed)
    z, y = generator.normal(size=(batch, n)), case.targets(generator, batch, n)
    for kink in case.kinks:
        z = np.where(np.abs(z - y - kink) < 0.05, z + 0.11, z)
    t = case.loss._targets(z, y)  # distributions, so that they may meet complex outputs

    def losses(rows: Any) -> Any:
        return case.loss._losses(rows, t)[:, None] / batch

    def gradient(rows: Any) -> Any:
        return case.loss._gradient(rows, t) / batch

    at = z.astype(complex)
    delta = differentiate(losses, at, True, complex_step)[:, 0, :]
    agree(case.loss.value_and_gradient(z, y)[1], delta, 1e-9, f"{case.loss}: gradient")
    hessian = differentiate(gradient, at, True, complex_step)
    agree(case.loss.hessian(z, y).dense(), hessian, 1e-9, f"{case.loss}: Hessian")


# -- operators -------------------------------------------------------------------------------------------------


def check_operator(operator: Operator, convert: Callable[[Any], Any], batch: int = 3, rtol: float = 1e-12) -> None:
    """Assert that everything an operator does agrees with its dense matrix; the adjoint dot test included."""
    (m, n), like = operator.shape, convert(np.zeros(1))
    J = per_example(operator, batch, like)
    generator, who = np.random.default_rng(5), f"{operator!r}"
    u, v = convert(generator.normal(size=(batch, m))), convert(generator.normal(size=(batch, n)))
    rows, columns = convert(generator.normal(size=(batch, 2, m))), convert(generator.normal(size=(batch, 2, n)))
    assert (J.shape[1:], J.dtype) == ((m, n), like.dtype), f"{who}: dense is {J.shape[1:]} {J.dtype}"
    agree(operator.pull(u), np.einsum("bi,bij->bj", u, J), rtol, f"{who}.pull")
    agree(operator.push(v), np.einsum("bij,bj->bi", J, v), rtol, f"{who}.push")
    agree(operator.pull(rows), rows @ J, rtol, f"{who}.pull of several rows")
    agree(operator.push(columns), columns @ J.swapaxes(1, 2), rtol, f"{who}.push of several rows")
    agree(operator.pull(u[:1]), _pulled_one(operator, u, J), rtol, f"{who}.pull of one row for all")
    agree(operator.pull_sum(u), np.einsum("bi,bij->j", u, J), rtol, f"{who}.pull_sum")
    out = np.empty(n, like.dtype)
    assert operator.pull_sum(u, out) is out
    agree(out, np.einsum("bi,bij->j", u, J), rtol, f"{who}.pull_sum into out")
    agree(per_example(operator.transpose(), batch, like), J.swapaxes(1, 2), rtol, f"{who}.transpose")
    left, right = np.sum(u * operator.push(v)), np.sum(operator.pull(u) * v)
    scale = np.sum(np.abs(u) * np.einsum("bij,bj->bi", np.abs(J), np.abs(v)))
    assert abs(left - right) <= rtol * scale, f"{who}: <u, J v> = {left}, <u J, v> = {right}"
    results = [operator.pull(u), operator.push(v), operator.pull_sum(u), operator.pull(rows)]
    assert {result.dtype for result in results} == {like.dtype}, f"{who}: dtypes {[r.dtype for r in results]}"


def _pulled_one(operator: Operator, u: Any, J: Any) -> Any:
    pulled = np.einsum("i,bij->bj", u[0], J)
    return pulled[:1] if operator.batch is None else pulled


def check_product(left: Operator, right: Operator, like: Any, rtol: float = 1e-12) -> None:
    """Assert that a product has the right entries, structure, batch and dtype."""
    product, who = left @ right, f"{left!r} @ {right!r}"
    a, b = left.dense(like), right.dense(like)
    agree(product.dense(like), a @ b, rtol, who)
    assert product.dense(like).dtype == like.dtype, f"{who}: dtype {product.dense(like).dtype}"
    result = table.rule_for(left, right).result
    expected = {"left": left.structure, "right": right.structure}.get(result, result)
    assert product.structure == expected, f"{who}: structure {product.structure}, the table says {expected}"
    shared = left.batch is None and right.batch is None
    assert (product.batch is None) == shared, f"{who}: batch {product.batch}"
    assert product_cost(left, right) >= 0


# -- networks --------------------------------------------------------------------------------------------------


def check_orders(net: bp.Network, theta: bp.Parameters, x: Any, y: Any, loss: Any, rtol: float = 1e-12) -> Any:
    """Assert that the three orders of multiplication give one loss and one gradient; return the gradient."""
    value, gradient = bp.value_and_gradient(net, theta, x, y, loss)
    for other in (bp.algorithm_1, bp.naive_product):
        again, same = other(net, theta, x, y, loss)
        agree(again, value, rtol, f"{other.__name__}: loss")
        agree(same.vector, gradient.vector, rtol, f"{other.__name__}: gradient")
    return gradient


def check_gradient_with_steps(net: bp.Network, theta: bp.Parameters, x: Any, y: Any, loss: Any) -> None:
    """Assert that the gradients in theta and x are the complex-step derivatives of the loss."""
    vector, rows = theta.vector.astype(complex), x.astype(complex)

    def by_theta(moved: Any) -> Any:
        return np.reshape(_plain_loss(loss, net.forward(theta.with_vector(moved), rows), y), (1, 1))

    def by_x(moved: Any) -> Any:
        return np.reshape(_plain_loss(loss, net.forward(theta.with_vector(vector), moved), y), (1, 1))

    _, gradient = bp.value_and_gradient(net, theta, x, y, loss)
    if theta.layout.size:
        expected = differentiate(by_theta, vector, False, complex_step)[0, 0]
        agree(gradient.vector, expected, 1e-9, "gradient in theta")
    flat = differentiate(lambda v: by_x(v.reshape(rows.shape)), rows.reshape(-1), False, complex_step)[0, 0]
    agree(bp.input_gradient(net, theta, x, y, loss).reshape(-1), flat, 1e-9, "gradient in x")


def _plain_loss(loss: Any, z: Any, y: Any) -> Any:
    z = z.reshape(z.shape[0], -1)
    t = loss._targets(z.real, y)
    losses = loss._losses(z, t)
    return losses.mean() if loss.reduction == "mean" else losses.sum()
