"""The empirical neural tangent kernel: inner products of the examples' parameter Jacobians."""

from typing import Any

import numpy as np

from ..arrays import Array, eye, is_numpy, namespace
from ..errors import unknown_name
from ..network import Network
from ..parameters import Parameters
from .blocks import Block, gram, parameter_blocks, require_uncoupled

__all__ = ["ntk"]

KINDS = ("full", "outputs", "trace")


def ntk(
    net: Network,
    theta: Parameters,
    x1: Array,
    x2: Array | None = None,
    *,
    kind: str = "full",
    block: int = 256,
    out: Any = None,
) -> Array:
    r"""Return the empirical neural tangent kernel between two sets of examples.

    Math:
        K(a, b) = J(a) J(b)^T = sum over layers of (x_a . x_b) G_a G_b^T (weights) + G_a G_b^T (biases)

    The parameter Jacobians are never formed: G is n_L x n_l and x is one vector per example and layer.

    Shapes:
        x1: (N, \*input_shape)
        x2: (M, \*input_shape), x1 if left out
        full: (N, M, n_L, n_L)
        outputs: (N, M, n_L), the diagonals
        trace: (N, M), the traces

    Args:
        net: the network.
        theta: its parameters.
        x1: examples.
        x2: examples.
        kind: ``"full"``, ``"outputs"`` or ``"trace"``.
        block: examples taken at a time from each set; memory grows with its square.
        out: an array to write into, such as a memory map, for kernels larger than memory.

    Raises:
        OptionError: an unknown kind.
        CoupledBatchError: a layer couples the examples; the message names it.

    Source: MATH, "Quantities made of the same factors".
    """
    if kind not in KINDS:
        raise unknown_name("kernel", kind, KINDS)
    require_uncoupled(net, "ntk")
    same = x2 is None
    x2 = x1 if x2 is None else x2
    if x1.shape[0] <= block and x2.shape[0] <= block and out is None:
        first = _factors(net, theta, x1)
        return _reduced(gram(first, first if same else _factors(net, theta, x2)), kind)
    return _blockwise(net, theta, x1, x2, kind, block, out)


def _factors(net: Network, theta: Parameters, x: Array) -> dict[str, Block]:
    steps = net.linearize(theta, x)
    n = int(np.prod(steps.output.shape[1:]))
    xp = namespace(x)
    rows = xp.broadcast_to(eye(n, x)[None, :, :], (x.shape[0], n, n))
    return parameter_blocks(steps, rows)


def _reduced(kernel: Array, kind: str) -> Array:
    xp = namespace(kernel)
    full = xp.permute_dims(kernel, (0, 2, 1, 3))
    if kind == "full":
        return full
    diagonals = xp.linalg.diagonal(full)
    return diagonals if kind == "outputs" else xp.sum(diagonals, axis=-1)


def _blockwise(net: Network, theta: Parameters, x1: Array, x2: Array, kind: str, block: int, out: Any) -> Any:
    """Fill the kernel block by block; the first set's factors are kept while the second passes by."""
    for start in range(0, x1.shape[0], block):
        first = _factors(net, theta, _rows(x1, start, block, theta))
        for begin in range(0, x2.shape[0], block):
            second = _factors(net, theta, _rows(x2, begin, block, theta))
            piece = _reduced(gram(first, second), kind)
            if out is None:
                out = np.empty((x1.shape[0], x2.shape[0], *piece.shape[2:]), np.asarray(piece).dtype)
            out[start : start + block, begin : begin + block] = piece
    return out if not is_numpy(out) or is_numpy(theta.vector) else namespace(theta.vector).asarray(out)


def _rows(x: Any, start: int, block: int, theta: Parameters) -> Array:
    rows = x[start : start + block]
    return np.asarray(rows) if is_numpy(theta.vector) else rows
