"""``check``: is this derivative right, and if not, where and why?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import dtype_name, require_floating, to_numpy
from ..errors import OptionError
from ..layers import Layer
from ..losses import Loss
from ..losses.base import require_loss
from ..network import Network
from ..options import check_whole
from .arguments import title_of
from .inspection import inspect_problem
from .own_subjects import factors, layer_problem, loss_problem, network_problem
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
    points: int = 2,
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
        points: how many points; beside the given one, where every entry is compared, the others are drawn close to it
            and random products are compared there.
        names: of the inputs, instead of those in the signature.

    Raises:
        OptionError, DtypeError, ShapeError, NonFiniteError: there is nothing to check, or an input holds NaN.
    """
    points, seed = check_whole("check", "points", points, 1), check_whole("check", "seed", seed, 0)
    if oracle not in ORACLES:
        raise OptionError(f"check: oracle={oracle!r}, expected one of {', '.join(ORACLES)}.")
    given = {"jacobian": jacobian, "vjp": vjp, "jvp": jvp, "gradient": gradient}
    ours = isinstance(subject, Layer | Loss | Network)
    extra = given if ours else {"theta": theta, "y": y, "loss": loss}
    for option, value in extra.items():
        if value is not None:
            whose = "which brings its own derivative" if ours else "expected with a layer, a loss or a network alone"
            raise OptionError(f"check: {option}= came for {title_of(subject)}, {whose}; leave it out.")
    if ours:
        return _own(subject, inputs, theta, y, loss, seed, oracle)
    with np.errstate(all="ignore"):
        return inspect_problem(problem_of(subject, inputs, given, names), oracle, seed, points)


def _own(subject: Any, inputs: tuple[Any, ...], theta: Any, y: Any, loss: Any, seed: int, oracle: str) -> Report:
    """Return the report on a layer, a loss or a network of ours."""
    who = type(subject).__name__
    if len(inputs) == 2 and y is None and not isinstance(subject, Layer):
        y, inputs = inputs[1], inputs[:1]
    if len(inputs) != 1:
        raise OptionError(f"check: {len(inputs)} inputs came for {who}, expected one: check({who.lower()}, x).")
    x = inputs[0]
    require_floating(to_numpy(x), f"check: the input of {who}")
    if isinstance(subject, Layer):
        if y is not None or loss is not None:
            raise OptionError(f"check: {'loss' if y is None else 'y'}= came for a layer; leave it out.")
        return inspect_problem(layer_problem(subject, x, theta, seed), oracle, seed)
    if isinstance(subject, Loss):
        return inspect_problem(loss_problem(subject, x, y), oracle, seed)
    if loss is not None:
        require_loss("check", loss)
    if (loss is None) != (y is None):
        came, other = ("loss", "y") if y is None else ("y", "loss")
        raise OptionError(f"check: {came}= came for {who} without {other}=, expected both or none.")
    theta = subject.initialize(seed, dtype_name(x)) if theta is None else theta
    report = inspect_problem(network_problem(subject, x, theta, y, loss), oracle, seed)
    return report if report.ok else _with_layer(report, subject, theta, x, y, loss, seed)


def _with_layer(report: Report, net: Network, theta: Any, x: Any, y: Any, loss: Any, seed: int) -> Report:
    """Return the report with the factor at fault: the first layer, or the loss, that is wrong by itself."""
    for place, layer, own, at in factors(net, theta, x):
        found = inspect_problem(layer_problem(layer, at, own, seed, f"layer {place}, {layer.label}"), "auto", seed)
        if not found.ok:
            return replace(report, cause=found.cause, layer=place, factor=found)
    if loss is not None:
        found = inspect_problem(loss_problem(loss, net.forward(theta, to_numpy(x)), y), "auto", seed)
        if not found.ok:
            return replace(report, cause=found.cause, layer="loss", factor=found)
    return report


def assert_derivative(subject: Any, *inputs: Any, **options: Any) -> None:
    """Raise AssertionError with the report unless the derivative is right; arguments as for ``check``."""
    report = check(subject, *inputs, **options)
    if not report.ok:
        raise AssertionError(f"\n{report.text()}")
