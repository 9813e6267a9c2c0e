"""The theorem, executable: the gradient as a product of Jacobians, in three orders.

    d loss / d theta_l = delta_L A_L A_{L-1} ... A_{l+1} B_l

``value_and_gradient`` multiplies from the left and shares the prefix (backpropagation); ``algorithm_1``
assembles the Jacobian of the network first and multiplies by delta_L last; ``naive_product`` multiplies every
block out by itself. The numbers are the same, the costs are not: give a ``Tally`` to see them.
"""

import cmath
import math
from typing import Any

import numpy as np

from .arrays import Array, batch_sum, eye, is_numpy, is_traced, library, namespace
from .chain import Tally
from .errors import NonFiniteError, OptionError, ShapeError
from .layers import Steps
from .layers.verification import names_differ
from .losses import Loss
from .losses.base import require_loss
from .network import Network
from .operators import Operator
from .parameters import Parameters

__all__ = ["algorithm_1", "gradient", "input_gradient", "naive_product", "value_and_gradient"]

ALGORITHM_1_BYTES = 4 * 2**30
"""The largest parameter Jacobian that ``algorithm_1`` will assemble."""


def value_and_gradient(
    net: Network,
    theta: Parameters,
    x: Array,
    y: Array,
    loss: Loss,
    *,
    weights: Array | None = None,
    tally: Tally | None = None,
    out: Parameters | None = None,
) -> tuple[Array, Parameters]:
    r"""Return the loss and its gradient by backpropagation: vector first, prefix shared.

    Math:
        delta_{l-1} = delta_l A_l ,   d loss / d theta_l = delta_l B_l ,   l = L, ..., 1

    Cost: linear in depth.

    Shapes:
        x: (batch, \*input_shape)
        y: what the loss takes
        gradient.vector: (P,)

    Args:
        net: the network.
        theta: its parameters.
        x: inputs, in the library and dtype of theta.
        y: targets.
        loss: a loss, as in ``CrossEntropy()``.
        weights: (batch,) example weights.
        tally: counts the multiplications of the backward pass.
        out: parameters whose vector the gradient is written into (NumPy, PyTorch), saving an allocation.

    Raises:
        ShapeError, DtypeError, DataError: an argument does not fit; the message names the layer or the loss.
        ShapeError: a layer gives no B for one of its parameters, or one for an unknown name.
        OptionError: ``loss`` is no loss, or ``out`` cannot take the gradient.
        NonFiniteError: the loss is NaN or infinite; the message names the first layer where that arises.

    Source: docs/mathematics.md, "The theorem and its three orders".
    """
    steps, value, delta = _linearize(net, theta, x, y, loss, weights)
    blocks = _Blocks(net, theta, out)
    steps.backward(delta, blocks.add, input_too=False, tally=tally)
    return value, blocks.gradient()


def gradient(
    net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, *, weights: Array | None = None
) -> Parameters:
    """Return the gradient alone; see ``value_and_gradient``."""
    return value_and_gradient(net, theta, x, y, loss, weights=weights)[1]


def input_gradient(
    net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, *, weights: Array | None = None
) -> Array:
    r"""Return d loss / d x_0 = delta_L A_L ... A_1, in the shape of x."""
    steps, _, delta = _linearize(net, theta, x, y, loss, weights)
    delta = steps.backward(delta, lambda name, B, delta: None)
    return namespace(x).reshape(delta, x.shape)


def algorithm_1(
    net: Network,
    theta: Parameters,
    x: Array,
    y: Array,
    loss: Loss,
    *,
    weights: Array | None = None,
    tally: Tally | None = None,
) -> tuple[Array, Parameters]:
    r"""Return the loss and its gradient by [D]'s Algorithm 1: the Jacobian of the network first.

    Math:
        J_l = A_L ... A_{l+1} B_l     (n_L x p_l, dense)
        d loss / d theta = delta_L [ J_1 ... J_L ]

    Cost: n_L rows travel through the layers instead of one.

    Raises:
        OptionError: the Jacobian would take more than ``ALGORITHM_1_BYTES``; the message has the size.

    Source: docs/mathematics.md, "The theorem and its three orders"; [D], named there, Algorithm 1.
    """
    steps, value, delta = _linearize(net, theta, x, y, loss, weights)
    _check_size(net, delta)
    blocks = _parameter_jacobian(steps, delta, tally)
    sink = {}
    for name, J in blocks.items():
        _count(tally, f"delta J[{name}]", delta.shape[0] * math.prod(J.shape[1:]))
        sink[name] = batch_sum((delta[:, None, :] @ J)[:, 0, :])
    return value, _assemble(net, theta, sink)


def _parameter_jacobian(steps: Steps, delta: Array, tally: Tally | None) -> dict[str, Array]:
    """Return J_l by name, (batch, n_L, p_l): the rows of the identity pulled through A_L ... A_{l+1} B_l."""
    batch, n = delta.shape
    xp, blocks = namespace(delta), {}
    rows = xp.broadcast_to(eye(n, delta)[None, ...], (batch, n, n))
    for index in reversed(range(len(steps))):
        A, B = steps[index].A, steps[index].B
        for name, block in B.items():
            _count(tally, f"G B[{index}.{name}]", batch * n * block.pull_cost)
            blocks[f"{index}.{name}"] = block.pull(rows)
        if index:
            _count(tally, f"G A[{index}]", batch * n * A.pull_cost)
            rows = A.pull(rows)
    return blocks


def naive_product(
    net: Network,
    theta: Parameters,
    x: Array,
    y: Array,
    loss: Loss,
    *,
    weights: Array | None = None,
    tally: Tally | None = None,
) -> tuple[Array, Parameters]:
    r"""Return the loss and its gradient with every block multiplied out by itself, sharing nothing.

    Math:
        d loss / d theta_l = ((delta_L A_L) A_{L-1}) ... A_{l+1}) B_l     from the start, for every l

    Cost: quadratic in depth.

    Source: docs/mathematics.md, "The theorem and its three orders".
    """
    steps, value, delta_L = _linearize(net, theta, x, y, loss, weights)
    batch, sink = delta_L.shape[0], {}
    for index in range(len(steps)):
        for name, B in steps[index].B.items():
            delta = delta_L
            for later in reversed(range(index + 1, len(steps))):
                _count(tally, f"[{index}.{name}] delta A[{later}]", batch * steps[later].A.pull_cost)
                delta = steps[later].A.pull(delta)
            _count(tally, f"[{index}.{name}] delta B", batch * B.pull_cost)
            sink[f"{index}.{name}"] = B.pull_sum(delta)
    return value, _assemble(net, theta, sink)


def _count(tally: Tally | None, what: str, multiplications: int) -> None:
    if tally is not None:
        tally.add(what, multiplications)


def _check_size(net: Network, delta: Array) -> None:
    size = delta.shape[0] * delta.shape[1] * net.layout.size * getattr(delta.dtype, "itemsize", 8)
    if size > ALGORITHM_1_BYTES:
        raise OptionError(
            f"algorithm_1: the parameter Jacobian of {delta.shape[0]} examples would take {size / 2**30:.1f} GiB, "
            f"expected at most {ALGORITHM_1_BYTES / 2**30:.0f}; give fewer examples, or use value_and_gradient."
        )


class _Blocks:
    """Where the recursion adds up delta B by parameter: on NumPy straight in the gradient's vector."""

    def __init__(self, net: Network, theta: Parameters, out: Parameters | None) -> None:
        self.net, self.theta, self.out = net, theta, out
        self.seen: set[str] = set()
        self.whole = _empty_gradient(theta, out)
        self.blocks = self.whole.flat() if self.whole is not None else {}

    def add(self, name: str, B: Operator, delta: Array) -> None:
        """Write delta B summed over the batch, or add it where the parameter was met before."""
        if name in self.seen:
            self.blocks[name] += B.pull_sum(delta)
        else:
            self.seen.add(name)
            self.blocks[name] = B._pull_sum_into(delta, self.blocks.get(name))

    def gradient(self) -> Parameters:
        """Return the gradient as parameters, every one of which was visited."""
        if self.whole is None:
            found = _assemble(self.net, self.theta, self.blocks)
            if self.out is None:
                return found
            self.out.vector.copy_(found.vector)
            return self.out
        # An unknown name makes more blocks than parameters, a forgotten one leaves fewer seen.
        if not len(self.seen) == len(self.blocks) == len(self.theta):
            raise _wrong_names(self.net, self.theta, self.seen)
        return self.whole


def _empty_gradient(theta: Parameters, out: Parameters | None) -> Parameters | None:
    """Return where the gradient is written: a vector with views on NumPy, None for other libraries."""
    if not is_numpy(theta.like):
        if out is not None and not _takes_torch(out, theta):
            raise OptionError(
                f"value_and_gradient: theta is of {library(theta.like)}; out is for NumPy and PyTorch, expected other "
                "parameters with the names, shapes, dtype and device of theta."
            )
        return None
    if out is None:
        return theta.with_vector(np.empty_like(theta.vector))
    if not (isinstance(out, Parameters) and _like(out, theta)) or np.may_share_memory(out.vector, theta.vector):
        raise OptionError(
            "value_and_gradient: out must be other parameters with the names, shapes and dtype of theta, "
            "as in theta.copy()."
        )
    return out


def _takes_torch(out: Any, theta: Parameters) -> bool:
    """Whether ``out`` can take a gradient of tensors."""
    if library(theta.like) != "torch" or not isinstance(out, Parameters) or library(out.like) != "torch":
        return False
    mine, theirs = out.vector, theta.vector
    same = list(out.layout.shapes.items()) == list(theta.layout.shapes.items()) and mine.dtype == theirs.dtype
    return (
        same
        and mine.device == theirs.device
        and (mine.data_ptr() != theirs.data_ptr() or not len(mine))
        and not mine.requires_grad
    )


def _like(out: Parameters, theta: Parameters) -> bool:
    same = out.layout is theta.layout or list(out.layout.shapes.items()) == list(theta.layout.shapes.items())
    return same and is_numpy(out.vector) and bool(out.vector.dtype == theta.vector.dtype)


def _assemble(net: Network, theta: Parameters, sink: dict[str, Any]) -> Parameters:
    """Return the flat blocks, in the layout's order, as one vector; on JAX as arrays of their own."""
    if sink.keys() != theta.layout.shapes.keys():
        raise _wrong_names(net, theta, set(sink))
    blocks = [sink[name] for name in theta]
    if not blocks:
        return theta.with_vector(theta.vector)
    xp = namespace(theta.like)
    if library(theta.like) == "jax":
        shapes = theta.layout.shapes
        return Parameters.of_arrays(theta.layout, {name: xp.reshape(sink[name], shapes[name]) for name in theta})
    return theta.with_vector(xp.concat(blocks))


def _wrong_names(net: Network, theta: Parameters, came: set[str]) -> ShapeError:
    """Return the error for parameters without a B, or a B without a parameter, naming the first layer concerned."""
    odd = sorted(came ^ set(theta), key=lambda name: int(name.split(".")[0]))
    index = int(odd[0].split(".")[0])
    return ShapeError(f"layer {index}, {net[index].label}: {names_differ(came, theta)}")


def _linearize(
    net: Network, theta: Parameters, x: Array, y: Array, loss: Loss, weights: Array | None
) -> tuple[Steps, Array, Array]:
    """Return the steps, the loss and delta_L: what every order of multiplication begins with."""
    require_loss("value_and_gradient", loss)
    steps = net.linearize(theta, x)
    value, delta = loss.value_and_gradient(steps.output, y, weights)
    _require_finite(value, net, theta, x, loss)
    return steps, value, delta


def _require_finite(value: Array, net: Network, theta: Parameters, x: Array, loss: Loss) -> None:
    if not hasattr(value, "dtype") or is_traced(value) or cmath.isfinite(value):
        return
    raise net.first_nonfinite(theta, x) or NonFiniteError(
        f"{type(loss).__name__}: the loss is {float(value)} although all outputs are finite; are the targets?"
    )
