"""``check``: is this derivative right, and if not, where and why?"""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import OptionError
from .inspection import inspect_problem
from .report import Report
from .subjects import problem_of

__all__ = ["assert_derivative", "check"]

ORACLES = ("auto", "complex", "differences", "autodiff")


def check(
    subject: Any,
    *inputs: Any,
    jacobian: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    gradient: Callable[..., Any] | None = None,
    theta: Any = None,
    y: Any = None,
    loss: Any = None,
    seed: int = 0,
    oracle: str = "auto",
    names: Sequence[str] | None = None,
) -> Report:
    r"""Compare a hand-written derivative with independent oracles, and say where and why it is wrong.

    Args:
        subject: what to check. A plain function with one or more of the next four; ``(function, jacobian)``, as for
            ``scipy.optimize.check_grad``; a ``torch.autograd.Function``, an ``nn.Module`` or a function of tensors;
            a JAX ``custom_vjp`` or ``custom_jvp`` function; a layer, a loss or a network of ours.
        inputs: the point. Floating inputs are checked, others passed on.
        jacobian: (\*inputs) -> the Jacobian in each floating input: (m, n) or (\*out_shape, \*in_shape).
        vjp: (\*inputs, u) -> u J for each floating input, u in the shape of the output.
        jvp: (\*inputs, \*tangents) -> J times the tangents, one for each floating input.
        gradient: (\*inputs) -> the gradient of a function with one number as its value.
        theta: parameters of a layer or network; drawn with ``seed`` if absent.
        y: targets of a loss or network.
        loss: of a network; without it the network's own Jacobian products are checked.
        seed: of random directions and probes.
        oracle: ``"auto"``, ``"complex"`` (complex steps), ``"differences"``, ``"autodiff"`` (the framework's
            differentiation of the plain forward).
        names: of the inputs, instead of those in the signature.

    Raises:
        OptionError, DtypeError, ShapeError, NonFiniteError: there is nothing to check, or an input holds NaN.
    """
    if oracle not in ORACLES:
        raise OptionError(f"check: oracle={oracle!r}, expected one of {', '.join(ORACLES)}.")
    given = {"jacobian": jacobian, "vjp": vjp, "jvp": jvp, "gradient": gradient}
    problem = problem_of(subject, inputs, given, names)
    return inspect_problem(problem, oracle, seed)


def assert_derivative(subject: Any, *inputs: Any, **options: Any) -> None:
    """Raise AssertionError with the report unless the derivative is right; arguments as for ``check``."""
    report = check(subject, *inputs, **options)
    if not report.ok:
        raise AssertionError(f"\n{report.text()}")
