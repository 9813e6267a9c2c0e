"""What a derivative does beside being right: values of its own, changes in place; several outputs; refusals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from backproof import Cause, check
from backproof.errors import DtypeError, OptionError

X = np.array([0.35, 0.82, -1.3])


def jax_rule(forward: Any, backward: Any) -> Any:
    @jax.custom_vjp
    def f(x: Any, w: Any) -> Any:
        return jnp.sin(x) * w

    f.defvjp(forward, backward)
    return f


def test_a_jax_forward_rule_with_another_value_is_wrong() -> None:
    def backward(kept: Any, u: Any) -> Any:
        return u * jnp.cos(kept[0]) * kept[1], u * jnp.sin(kept[0])

    x, w = jnp.asarray(X), jnp.ones(3)
    assert check(jax_rule(lambda x, w: (jnp.sin(x) * w, (x, w)), backward), x, w).ok
    report = check(jax_rule(lambda x, w: (2 * jnp.sin(x) * w, (x, w)), backward), x, w)
    assert report.cause == Cause.WRONG_VALUE
    assert "the rule gives another value than the function: y[2] is -1.9" in report.text()


@pytest.mark.parametrize(("factor", "ok"), [(1, True), (2, False)])
def test_a_jax_forward_mode_rule_with_another_value_is_wrong(factor: float, ok: bool) -> None:
    @jax.custom_jvp
    def f(x: Any) -> Any:
        return jnp.sin(x)

    f.defjvp(lambda x, v: (factor * jnp.sin(x[0]), jnp.cos(x[0]) * v[0]))
    report = check(f, jnp.asarray(X))
    assert report.ok is ok
    assert (report.cause == Cause.WRONG_VALUE) is not ok


def changing_argument(x: Any, u: Any) -> Any:
    x *= 2
    return u * x


def changing_cotangent(x: Any, u: Any) -> Any:
    u *= 2 * x
    return u


def forgetting_argument(x: Any, u: Any) -> Any:
    slope = 2 * u * x
    x[:] = 0
    return slope


@pytest.mark.parametrize(
    ("vjp", "what"),
    [
        (changing_argument, "its argument 'x'"),
        (forgetting_argument, "its argument 'x'"),
        (changing_cotangent, "its cotangent"),
    ],
)
def test_a_derivative_that_changes_what_it_was_given_is_told_so(vjp: Any, what: str) -> None:
    report = check(lambda x: x**2, X, vjp=vjp)
    assert report.cause == Cause.STALE_INPUT
    assert report.problems == (f"the vjp changes {what} in place",)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx: Any, u: Any) -> Any:
        return 2 * u * ctx.saved_tensors[0]


@pytest.mark.parametrize("library", ["cotangent", "argument"])
def test_a_torch_backward_that_works_in_place_is_told_so(library: str) -> None:
    class InPlace(Square):
        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            (x,) = ctx.saved_tensors
            return u.mul_(2 * x) if library == "cotangent" else u * x.mul_(2)

    report = check(InPlace, torch.tensor(X))
    assert report.cause == Cause.STALE_INPUT
    assert f"the vjp changes its {library}" in report.problems[0]


def test_a_gradient_that_ignores_its_cotangent_lacks_it_as_a_factor() -> None:
    class Sum(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return (x**2).sum()

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return 2 * ctx.saved_tensors[0]

    report = check(Sum, torch.tensor(X))
    assert report.cause == Cause.MISSING_FACTOR
    assert "the same whatever its cotangent is" in report.text()
    assert "0 of 3" not in report.text()
    assert check(lambda x: (x**2).sum(), X, vjp=lambda x, u: 2 * x * u * abs(u)).cause == Cause.UNKNOWN


def test_a_jax_rule_with_too_few_cotangents_has_a_wrong_shape() -> None:
    f = jax_rule(lambda x, w: (jnp.sin(x) * w, (x, w)), lambda kept, u: (u * jnp.cos(kept[0]) * kept[1],))
    report = check(f, jnp.asarray(X), jnp.ones(3))
    assert report.cause == Cause.WRONG_SHAPE
    assert "incorrect number of gradients (expected 2, got 1)" in report.text()


@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU])
def test_modules_that_return_tuples_within_tuples_are_checked(kind: Any) -> None:
    torch.manual_seed(0)
    report = check(kind(2, 2), torch.randn(2, 1, 2))
    assert report.ok, report.text()


def test_of_several_outputs_the_place_says_which() -> None:
    def f(x: Any) -> Any:
        return np.sin(x), np.outer(x, x)

    def vjp(x: Any, u: Any) -> Any:
        wrong = np.array([[1.0, 1, 1], [1, 3, 1], [1, 1, 1]])
        return u[0] * np.cos(x) + (wrong * u[1]) @ x + x @ (wrong * u[1])

    report = check(f, X, vjp=vjp)
    assert report.blocks[0].entry == "d (output 1)[1, 1] / d x[1]"


def test_a_tie_taken_twice_is_told_to_be_wrong_as_a_combination() -> None:
    x = np.array([1.0, 1.0, 0.5])
    report = check(np.max, x, vjp=lambda x, u: u * (x == x.max()))
    assert report.cause == Cause.KINKS_ONLY
    assert "their combination is no slope of the function" in report.text()
    assert check(np.max, x, vjp=lambda x, u: u * (x == x.max()) / (x == x.max()).sum()).ok


def test_an_assignment_in_the_place_of_a_sum_is_named() -> None:
    places = np.array([0, 2, 2, 1, 0])

    def assigned(x: Any, u: Any) -> Any:
        slope = np.zeros_like(x)
        slope[places] = u
        return slope

    report = check(lambda x: x[places], X, vjp=assigned)
    assert report.cause == Cause.MISSING_TERM
    assert "2 of 5 outputs are not in the sum" in report.text()


class Bare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x**2


@pytest.mark.parametrize(
    ("subject", "inputs", "error", "words"),
    [
        (Bare, (torch.ones(2),), OptionError, "Bare came without a derivative, expected a backward"),
        (jax.custom_vjp(jnp.sin), (jnp.ones(2),), OptionError, "sin came without a rule, expected one by sin.defvjp"),
        (jax.custom_jvp(jnp.sin), (jnp.ones(2),), OptionError, "expected one by sin.defjvp"),
        (Square, (torch.ones(2, device="meta"),), DtypeError, "x is on the meta device and holds no numbers"),
        (lambda p: p["w"] * 2, ({"w": jnp.ones(2)},), OptionError, "input 0 is a dict of arrays, expected arrays"),
        (lambda p: p[0] * 2, ([jnp.ones(2)],), OptionError, "input 0 is a list of arrays, expected arrays"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_words(subject: Any, inputs: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        check(subject, *inputs)
