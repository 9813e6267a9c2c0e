"""The function transforms people know, over the same products: jvp, vjp, linearize, jacfwd, jacrev."""

from collections.abc import Callable

from ..arrays import Array, beside, eye, flatten, namespace
from ..errors import OptionError, ShapeError
from ..layers import Steps
from ..network import Network
from ..parameters import Parameters
from .blocks import pull_sums
from .memory import itemsize, require_fit
from .points import linearized

__all__ = ["jacfwd", "jacrev", "jvp", "linearize", "vjp"]


def directions(theta: Parameters, change: Parameters | None) -> Callable[[str], Array | None]:
    """Return dtheta by name as rows (1, p), for the recursion run forward.

    Raises:
        OptionError: dtheta is not parameters.
        ShapeError: it has not as many numbers as theta.
        DtypeError: it is of another library, or on another device.
    """
    if change is None:
        return lambda name: None
    if not isinstance(change, Parameters):
        came = type(change).__name__
        raise OptionError(f"dtheta is of type {came}, expected Parameters, as theta.with_vector(v) gives.")
    if change.vector.shape != theta.vector.shape:
        raise ShapeError(f"the direction has shape {tuple(change.vector.shape)}, expected {tuple(theta.vector.shape)}.")
    beside(change.like, theta.like, "dtheta", "theta")
    rows = {name: block[None, :] for name, block in change.flat().items()}
    return rows.get


def jvp(
    net: Network, theta: Parameters, x: Array, dx: Array | None = None, dtheta: Parameters | None = None
) -> tuple[Array, Array]:
    r"""Return (y, dy): the output and its differential dy = J_x dx + J_theta dtheta, forward through the layers.

    Shapes:
        dx: (batch, \*input_shape), or None for 0
        dtheta: parameters, or None for 0
        dy: (batch, \*output_shape)

    Raises:
        OptionError: dtheta is not parameters.
    """
    steps = linearized("jvp", net, theta, x, alone=False)
    return steps.output, _forward(steps, theta, dx, dtheta)


def _forward(steps: Steps, theta: Parameters, dx: Array | None, dtheta: Parameters | None) -> Array:
    xp, y = namespace(steps.output), steps.output
    moved = steps.push_forward(
        None if dx is None else flatten(beside(dx, y, "jvp: dx", "theta")), directions(theta, dtheta)
    )
    return xp.zeros_like(y) if moved is None else xp.reshape(moved, y.shape)


def vjp(net: Network, theta: Parameters, x: Array) -> tuple[Array, Callable[[Array], tuple[Array, Parameters]]]:
    r"""Return y and the pullback: u -> (u J_x per example, the sum over examples of u J_theta).

    Shapes:
        u: (batch, \*output_shape)
        u J_x: (batch, \*input_shape)
        u J_theta: parameters
    """
    steps = linearized("vjp", net, theta, x, alone=False)

    def pullback(u: Array) -> tuple[Array, Parameters]:
        vector, back = pull_sums(theta, steps, flatten(beside(u, steps.output, "vjp: u", "theta")), input_too=True)
        return namespace(x).reshape(back, x.shape), theta.with_vector(vector)

    return steps.output, pullback


def linearize(
    net: Network, theta: Parameters, x: Array
) -> tuple[Array, Callable[[Array | None, Parameters | None], Array]]:
    """Return y and the linear map (dx, dtheta) -> dy at this point; the factors are computed once."""
    steps = linearized("linearize", net, theta, x, alone=False)
    return steps.output, lambda dx=None, dtheta=None: _forward(steps, theta, dx, dtheta)


def jacrev(net: Network, theta: Parameters, x: Array) -> Array:
    r"""Return d y / d x by pulling the rows of the identity back: (batch, \*output_shape, \*input_shape)."""
    return _full(net, theta, x, reverse=True)


def jacfwd(net: Network, theta: Parameters, x: Array) -> Array:
    r"""Return d y / d x by pushing the columns of the identity forward: (batch, \*output_shape, \*input_shape)."""
    return _full(net, theta, x, reverse=False)


def _full(net: Network, theta: Parameters, x: Array, reverse: bool) -> Array:
    who = "jacrev" if reverse else "jacfwd"
    steps, xp, batch = linearized(who, net, theta, x), namespace(x), x.shape[0]
    m, n = flatten(steps.output).shape[1], flatten(x).shape[1]
    instead = (
        "jacobian(...).factored() keeps it as two thin factors, dense_jacobian(..., memory=, out=) works in chunks"
    )
    require_fit(who, f"{batch:,} x {m:,} x {n:,} numbers dense", batch * m * n * itemsize(x), instead)
    size = m if reverse else n
    rows = xp.broadcast_to(eye(size, x)[None, :, :], (batch, size, size))
    back = steps.backward(rows, lambda name, B, delta: None) if reverse else None
    matrix = back if back is not None else steps.push_forward(rows, lambda name: None).mT  # type: ignore[union-attr]
    return xp.reshape(matrix, (batch, *steps.output.shape[1:], *x.shape[1:]))
