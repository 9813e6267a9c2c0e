"""Checkers of other projects, each on any case of the corpus, with its own default settings.

A verdict is True where the checker accepts the derivative. Whatever it raises is a rejection. A case of the checker's
own library is passed as it is; any other is wrapped in that library's way to give a function a derivative.
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .checkers_views import View, cotangent, doubles, inputs_of, view
from .corpus import Case, Fault

THRESHOLD = 1e-5
"""``scipy.optimize.check_grad`` returns the norm of the difference and leaves the threshold to its user."""

Checker = Callable[[Case, Fault | None, int, str], None]


def accepts(checker: Checker, case: Case, fault: Fault | None, seed: int, dtype: str) -> bool:
    """Return whether the checker accepts the derivative at the inputs of a seed."""
    np.random.seed(seed)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            checker(case, fault, seed, dtype)
        except Exception:
            return False
    return True


def torch_gradcheck(case: Case, fault: Fault | None, seed: int, dtype: str) -> None:
    """Run ``torch.autograd.gradcheck(f, inputs)``."""
    import torch

    torch.manual_seed(seed)
    if case.library == "torch":
        function = (case.derivative if fault is None else fault.derivative).apply
        inputs = case.draw(seed, dtype)
    else:
        function = torch_wrapped(view(case, fault))
        inputs = tuple(torch.tensor(a) for a in inputs_of(case, seed, dtype))
    torch.autograd.gradcheck(function, tuple(a.requires_grad_() for a in inputs))


def torch_wrapped(subject: View) -> Callable[..., Any]:
    """Return the ``apply`` of a ``torch.autograd.Function`` that computes with NumPy."""
    import torch

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return torch.tensor(np.asarray(subject.forward(*(a.detach().numpy() for a in inputs))))

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            gradients = subject.pull(*(a.detach().numpy() for a in ctx.saved_tensors), u.numpy())
            if any(g.shape != tuple(a.shape) for g, a in zip(gradients, ctx.saved_tensors, strict=True)):
                raise ValueError("a gradient has not the shape of its input")  # PyTorch would sum it
            return tuple(torch.tensor(np.ascontiguousarray(g)) for g in gradients)

    return Wrapped.apply


def jax_check_grads(case: Case, fault: Fault | None, seed: int, dtype: str) -> None:
    """Run ``jax.test_util.check_grads(f, inputs, order=1)``, in forward and reverse mode where the case has both."""
    import jax.numpy as jnp
    from jax.test_util import check_grads

    with doubles(dtype == "float64"):
        if case.library == "jax":
            function, inputs = case.derivative if fault is None else fault.derivative, case.draw(seed, dtype)
        else:
            arrays = inputs_of(case, seed, dtype)
            function, inputs = jax_wrapped(view(case, fault), arrays), tuple(jnp.asarray(a) for a in arrays)
        both = case.given == "custom_jvp"
        check_grads(function, inputs, order=1, modes=("fwd", "rev") if both else ("rev",))


def jax_wrapped(subject: View, inputs: tuple[Any, ...]) -> Any:
    """Return the ``jax.custom_vjp`` function that calls NumPy."""
    import jax

    out = np.asarray(subject.forward(*inputs))
    described = jax.ShapeDtypeStruct(out.shape, out.dtype)
    of_inputs = tuple(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in inputs)

    def numbers(given: tuple[Any, ...]) -> list[Any]:
        return [np.asarray(a) for a in given]

    def forward(*given: Any) -> Any:
        return jax.pure_callback(lambda *a: np.asarray(subject.forward(*numbers(a)), out.dtype), described, *given)

    def pull(*given: Any) -> Any:
        return tuple(np.asarray(g, a.dtype) for g, a in zip(subject.pull(*numbers(given)), inputs, strict=True))

    written = jax.custom_vjp(forward)
    written.defvjp(
        lambda *given: (forward(*given), given), lambda given, u: jax.pure_callback(pull, of_inputs, *given, u)
    )
    return written


def hips_check_grads(case: Case, fault: Fault | None, seed: int, dtype: str) -> None:
    """Run ``autograd.test_util.check_grads(f, modes=["rev"], order=1)``: its function has a vjp alone, once.

    Its own defaults, forward mode and second derivatives too, would ask for more than the cases give.
    """
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    subject, inputs = view(case, fault), inputs_of(case, seed, dtype)
    function = primitive(lambda *given: subject.forward(*given))
    defvjp(function, *(hips_rule(subject, place) for place in range(len(inputs))))
    check_grads(function, tuple(range(len(inputs))), modes=["rev"], order=1)(*inputs)


def hips_rule(subject: View, place: int) -> Callable[..., Any]:
    return lambda out, *given: lambda u: subject.pull(*given, u)[place]


def scipy_difference(case: Case, fault: Fault | None, seed: int, dtype: str) -> float:
    """Return ``scipy.optimize.check_grad(f, gradient, x)`` for the value along a fixed random cotangent."""
    from scipy.optimize import check_grad

    subject, inputs = view(case, fault), inputs_of(case, seed, dtype)
    u = cotangent(subject, inputs, seed)
    places = np.cumsum([a.size for a in inputs])[:-1]

    def apart(vector: Any) -> list[Any]:
        parts = np.split(vector, places)
        return [part.reshape(a.shape) for part, a in zip(parts, inputs, strict=True)]

    def value(vector: Any) -> Any:
        return np.sum(u * subject.forward(*apart(vector)))

    def gradient(vector: Any) -> Any:
        gradients = subject.pull(*apart(vector), u)
        return np.concatenate([np.broadcast_to(g, a.shape).ravel() for g, a in zip(gradients, inputs, strict=True)])

    return float(check_grad(value, gradient, np.concatenate([a.ravel() for a in inputs])))


def scipy_check_grad(case: Case, fault: Fault | None, seed: int, dtype: str) -> None:
    """Ask that the norm of the difference is at most ``THRESHOLD``."""
    if not scipy_difference(case, fault, seed, dtype) <= THRESHOLD:
        raise AssertionError("the gradients differ")


PEERS: dict[str, Checker] = {
    "torch.autograd.gradcheck": torch_gradcheck,
    "jax.test_util.check_grads": jax_check_grads,
    "autograd check_grads": hips_check_grads,
    "scipy.optimize.check_grad": scipy_check_grad,
}
"""By the name that tables show."""
