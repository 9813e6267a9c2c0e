"""The empirical neural tangent kernel: inner products of the examples' parameter Jacobians."""

import math
from typing import Any

import numpy as np

from ..arrays import Array, dtype_name, eye, in_library_of, namespace, to_numpy
from ..errors import ShapeError, unknown_name
from ..network import Network
from ..options import check_whole
from ..parameters import Parameters
from .blocks import KINDS, Block, gram, parameter_blocks
from .memory import itemsize, read_rows, require_examples, require_fit
from .points import KinkWatch, require_uncoupled

__all__ = ["ntk"]


def ntk(
    net: Network,
    theta: Parameters,
    x1: Array,
    x2: Array | None = None,
    *,
    kind: str = "full",
    block: int = 256,
    out: Any = None,
    memory: int | None = None,
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
        x1: examples; a memory map is read block by block.
        x2: examples.
        kind: ``"full"``, ``"outputs"`` or ``"trace"``; the last two never form the first.
        block: examples taken at a time from each set; memory grows with its square.
        out: an array to write into, such as a memory map, for kernels larger than memory.
        memory: bytes that the kernel may take without ``out``; half of the machine's memory if not given.

    Raises:
        OptionError: an unknown kind, a ``block`` that is not a whole number of at least 1, or a kernel that does not
            fit; the message has the size.
        DtypeError: examples that are no array.
        ShapeError: ``out`` has another shape than the kernel.
        CoupledBatchError: a layer couples the examples; the message names it.

    Warns:
        KinkWarning: an entry lies exactly on a kink of a layer.

    Source: docs/mathematics.md, "Quantities".
    """
    block = check_whole("ntk", "block", block, 1)
    _check_arguments(net, x1, x2, kind)
    shape = _kernel_shape(net, x1, x1 if x2 is None else x2, kind)
    _check_room(shape, itemsize(theta.vector), kind, out, memory)
    kernel = _Kernel(net, theta, kind, KinkWatch("ntk"))
    if out is None and max(x1.shape[0], 0 if x2 is None else x2.shape[0]) <= block:
        result = kernel.whole(x1, x2)
    else:
        result = np.empty(shape, np.dtype(dtype_name(theta.like))) if out is None else out
        kernel.fill(result, x1, x2, block)
    kernel.watch.warn()
    return result if out is not None else in_library_of(theta.like, result)


def _check_room(shape: tuple[int, ...], itemsize: int, kind: str, out: Any, memory: int | None) -> None:
    if out is None:
        _check_size(shape, itemsize, kind, memory)
    elif tuple(out.shape) != shape:
        raise ShapeError(f"ntk: out has shape {tuple(out.shape)}, expected {shape}.")


def _check_arguments(net: Network, x1: Any, x2: Any, kind: str) -> None:
    if kind not in KINDS:
        raise unknown_name("kernel", kind, KINDS)
    require_uncoupled(net, "ntk")
    require_examples("ntk", "x1", x1)
    if x2 is not None:
        require_examples("ntk", "x2", x2)


def _kernel_shape(net: Network, x1: Any, x2: Any, kind: str) -> tuple[int, ...]:
    n = math.prod(net.output_shape(tuple(x1.shape[1:])))
    return (x1.shape[0], x2.shape[0], *{"full": (n, n), "outputs": (n,), "trace": ()}[kind])


def _check_size(shape: tuple[int, ...], size: int, kind: str, memory: int | None) -> None:
    numbers = " x ".join(f"{length:,}" for length in shape)
    instead = "give out=, a memory map to write into block by block"
    more = "" if kind == "trace" else ", or ask for kind='trace'"
    require_fit("ntk", f"a kernel of {numbers} numbers", math.prod(shape) * size, instead + more, memory)


class _Kernel:
    """The kernel of one network, whole or block by block."""

    def __init__(self, net: Network, theta: Parameters, kind: str, watch: KinkWatch) -> None:
        self.net, self.theta, self.kind, self.watch = net, theta, kind, watch

    def factors(self, x: Array, fresh: bool = True) -> dict[str, Block]:
        """Return what all outputs' rows meet at every parameter; ``fresh`` examples are looked at for kinks."""
        steps = self.net.linearize(self.theta, x)
        if fresh:
            self.watch.see(self.net, steps, x)
        n, xp = math.prod(steps.output.shape[1:]), namespace(x)
        return parameter_blocks(steps, xp.broadcast_to(eye(n, x)[None, :, :], (x.shape[0], n, n)))

    def whole(self, x1: Array, x2: Array | None) -> Array:
        """Return the kernel in one piece."""
        first = self.factors(x1)
        return gram(first, first if x2 is None else self.factors(x2), self.kind)

    def fill(self, out: Any, x1: Any, x2: Any, block: int) -> None:
        """Write the kernel block by block; of one set with itself, the blocks below the diagonal are mirrored."""
        for start in range(0, x1.shape[0], block):
            first = self.factors(self._rows(x1, start, block))
            for begin in range(start if x2 is None else 0, (x1 if x2 is None else x2).shape[0], block):
                second = first if x2 is None and begin == start else self._second(x1, x2, begin, block, start == 0)
                piece = to_numpy(gram(first, second, self.kind))
                rows, columns = slice(start, start + block), slice(begin, begin + block)
                out[rows, columns] = piece
                if x2 is None and begin > start:
                    out[columns, rows] = piece.transpose(1, 0, *reversed(range(2, piece.ndim)))

    def _second(self, x1: Any, x2: Any, begin: int, block: int, fresh: bool) -> dict[str, Block]:
        return self.factors(self._rows(x1 if x2 is None else x2, begin, block), fresh and x2 is not None)

    def _rows(self, x: Any, start: int, block: int) -> Array:
        return read_rows(x, start, block, self.theta)
