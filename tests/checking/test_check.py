"""What ``check`` takes, what it accepts, and what it says about functions that cannot be checked."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import backproof as bp
from backproof import Cause, assert_derivative, check
from backproof.errors import DtypeError, NonFiniteError, OptionError, ShapeError
from backproof.operators import Diagonal

RNG = np.random.default_rng(3)
X, V = RNG.normal(size=(4, 3)), RNG.normal(size=5)


# -- plain functions -------------------------------------------------------------------------------------------


def test_a_gradient_wrong_by_minus_fifty_on_a_small_function_is_rejected() -> None:
    def f(x: Any) -> Any:
        return 1e-8 * np.sum(np.sin(x))

    assert check(f, V, gradient=lambda x: 1e-8 * np.cos(x)).ok
    report = check(f, V, gradient=lambda x: -50e-8 * np.cos(x))
    assert report.cause == Cause.FACTOR
    assert report.blocks[0].wrong == 5


@pytest.mark.parametrize("scale", [1e-290, 1e-9, 1.0, 1e12])
def test_the_verdict_does_not_depend_on_the_scale(scale: float) -> None:
    assert check(lambda x: scale * np.sin(x), V, vjp=lambda x, u: scale * u * np.cos(x)).ok
    assert not check(lambda x: scale * np.sin(x), V, vjp=lambda x, u: scale * u * np.cos(x) * (1 + 1e-9)).ok


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("seed", range(8))
def test_correct_functions_of_every_dtype_are_accepted(dtype: str, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(3, 4)).astype(dtype)

    def normalized(x: Any) -> Any:
        return (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)

    def pulled(x: Any, u: Any) -> Any:
        z = normalized(x)
        return (u - u.mean(1, keepdims=True) - z * (u * z).mean(1, keepdims=True)) / x.std(1, keepdims=True)

    report = check(normalized, x, vjp=pulled)
    assert report.ok, report.text()


@pytest.mark.parametrize("form", ["flat", "full", "per example", "tuple", "by name"])
def test_jacobians_are_taken_in_all_usual_forms(form: str) -> None:
    w = RNG.normal(size=(2, 3))
    full = np.einsum("kn,bc->bkcn", w, np.eye(4))
    forms: dict[str, Any] = {
        "flat": full.reshape(8, 12),
        "full": full,
        "per example": np.broadcast_to(w, (4, 2, 3)),
        "tuple": (full,),
        "by name": {"x": full},
    }
    assert check(lambda x: x @ w.T, X, jacobian=lambda x: forms[form]).ok


def test_the_elementwise_derivative_alone_is_taken_as_a_diagonal() -> None:
    assert check(np.sin, X, jacobian=np.cos).ok


def test_a_function_and_its_jacobian_are_taken_as_a_pair() -> None:
    assert check((lambda x: x @ x, lambda x: 2 * x), V).ok
    assert check((lambda x: x @ x, lambda x: x), V).cause == Cause.FACTOR


def test_several_derivatives_are_checked_each_by_itself() -> None:
    report = check(
        lambda a, b: a * b,
        V,
        V + 1,
        vjp=lambda a, b, u: (u * b, u * a),
        jvp=lambda a, b, da, db: da * b - a * db,
    )
    assert [(block.route, block.name, block.ok) for block in report.blocks] == [
        ("vjp", "a", True),
        ("vjp", "b", True),
        ("jvp", "a", True),
        ("jvp", "b", False),
    ]
    assert report.cause == Cause.SIGN


def test_whole_numbers_are_passed_on_and_floats_without_a_derivative_held_fixed() -> None:
    assert check(lambda x, n: x**n, V, 3, vjp=lambda x, n, u: u * n * x ** (n - 1)).ok
    report = check(lambda x, e: np.sqrt(x * x + e), V, 0.1, vjp=lambda x, e, u: u * x / np.sqrt(x * x + e))
    assert report.ok
    assert "no derivative is given for e" in report.text()


def test_several_outputs_are_seen_as_one() -> None:
    def f(x: Any) -> Any:
        return np.sin(x), np.sum(x * x)

    assert check(f, V, vjp=lambda x, u: u[0] * np.cos(x) + 2 * u[1] * x).ok
    assert not check(f, V, vjp=lambda x, u: u[0] * np.cos(x) + u[1] * x).ok


def test_a_derivative_that_uses_what_the_call_left_behind_is_served() -> None:
    class Layer:
        def __call__(self, x: Any) -> Any:
            self.y = np.tanh(x)
            return self.y

        def pull(self, x: Any, u: Any) -> Any:
            return u * (1 - self.y**2)

    layer = Layer()
    assert check(layer, V, vjp=layer.pull).ok


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=0, max_size=3),
    st.integers(0, 2**31),
    st.sampled_from(["float64", "float32"]),
)
def test_every_shape_is_accepted_when_right_and_rejected_when_wrong(shape: list[int], seed: int, dtype: str) -> None:
    x = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    assert check(np.sin, x, vjp=lambda x, u: u * np.cos(x)).ok
    report = check(np.sin, x, vjp=lambda x, u: u * (np.cos(x) + 0.5))
    assert not report.ok
    assert report.blocks[0].in_shape == tuple(shape)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(2, 5), st.data())
def test_the_wrong_entry_is_the_one_that_is_named(seed: int, m: int, n: int, data: st.DataObject) -> None:
    w = np.random.default_rng(seed).normal(size=(m, n))
    i, j = data.draw(st.integers(0, m - 1)), data.draw(st.integers(0, n - 1))
    wrong = w.copy()
    wrong[i, j] += 1e-6
    report = check(lambda x: w @ x, np.ones(n), jacobian=lambda x: wrong)
    assert report.blocks[0].index == ((i,), (j,))
    assert report.blocks[0].wrong == 1


# -- other libraries -------------------------------------------------------------------------------------------


def function_of(backward: Callable[..., Any]) -> Any:
    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any) -> Any:
            ctx.save_for_backward(x, weight)
            return torch.tanh(x @ weight.T)

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            x, weight = ctx.saved_tensors
            return backward(x, weight, u * (1 - torch.tanh(x @ weight.T) ** 2))

    return Linear


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_torch_function_is_checked_in_every_dtype(dtype: torch.dtype) -> None:
    x, w = torch.tensor(X).to(dtype), torch.tensor(RNG.normal(size=(2, 3))).to(dtype)
    assert check(function_of(lambda x, w, d: (d @ w, d.T @ x)), x, w).ok
    report = check(function_of(lambda x, w, d: (2 * d @ w, d.T @ x)), x, w)
    assert report.cause == Cause.FACTOR
    assert report.block("x").cause == Cause.FACTOR
    assert report.block("weight").ok


def test_a_gradient_whose_shape_torch_refuses_is_told_to_be_transposed() -> None:
    report = check(
        function_of(lambda x, w, d: (d @ w, x.T @ d)), torch.tensor(X), torch.ones(2, 3, dtype=torch.float64)
    )
    assert report.cause == Cause.TRANSPOSED
    assert "shape (3, 2), expected (2, 3)" in report.text()


def test_a_torch_module_is_checked_in_its_inputs_and_parameters_and_left_as_it_was() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    report = check(module, torch.tensor(X, dtype=torch.float32))
    assert report.ok, report.text()
    assert [block.name for block in report.blocks] == ["input", "0.weight", "0.bias", "1.weight", "1.bias"]
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_forward_mode_of_a_torch_function_is_checked_too() -> None:
    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return u * torch.cos(ctx.saved_tensors[0])

        @staticmethod
        def jvp(ctx: Any, t: Any) -> Any:
            return -t * torch.cos(ctx.saved_tensors[0])

    report = check(Sine, torch.tensor(V))
    assert [(block.route, block.ok) for block in report.blocks] == [("vjp", True), ("jvp", False)]
    assert report.cause == Cause.SIGN


def test_a_torch_function_that_changes_its_input_behind_the_back_is_told_so() -> None:
    class InPlace(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            x.data.clamp_(min=0.5)
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            return 2 * u * ctx.saved_tensors[0]

    report = check(InPlace, torch.tensor([1.0, -2.0, 3.0]))
    assert report.cause == Cause.STALE_INPUT
    assert "changes its argument 'x' in place" in report.text()


def test_a_torch_error_about_work_in_place_is_told_as_a_stale_input() -> None:
    def f(x: Any) -> Any:
        y = torch.exp(x)
        y.mul_(2)
        return y

    report = check(f, torch.tensor(V))
    assert report.cause == Cause.STALE_INPUT
    assert "changes in place what its derivative needs" in report.text()


def test_dropout_is_not_deterministic() -> None:
    report = check(torch.nn.Dropout(0.5), torch.ones(40))
    assert report.cause == Cause.NOT_DETERMINISTIC


@pytest.mark.parametrize(("factor", "ok"), [(1.0, True), (-1.0, False)])
def test_jax_custom_rules_are_checked_against_the_undecorated_function(factor: float, ok: bool) -> None:
    @jax.custom_vjp
    def pulled(x: Any, w: Any) -> Any:
        return jnp.sin(x @ w)

    pulled.defvjp(
        lambda x, w: (pulled(x, w), (x, w)),
        lambda kept, u: (
            (u * jnp.cos(kept[0] @ kept[1])) @ kept[1].T,
            factor * kept[0].T @ (u * jnp.cos(kept[0] @ kept[1])),
        ),
    )
    report = check(pulled, jnp.asarray(X, jnp.float32), jnp.ones((3, 2), jnp.float32))
    assert report.ok is ok, report.text()
    assert "undecorated" in report.oracle

    @jax.custom_jvp
    def pushed(x: Any) -> Any:
        return jnp.sin(x)

    pushed.defjvp(lambda x, t: (pushed(x[0]), factor * jnp.cos(x[0]) * t[0]))
    assert check(pushed, jnp.asarray(V, jnp.float32)).ok is ok


def test_a_jax_cotangent_of_the_wrong_shape_is_told_as_it_came() -> None:
    @jax.custom_vjp
    def f(x: Any, b: Any) -> Any:
        return x + b

    f.defvjp(lambda x, b: (x + b, None), lambda kept, u: (u, u))
    report = check(f, jnp.ones((4, 3)), jnp.ones(3))
    assert report.cause == Cause.MISSING_SUM


# -- our own ---------------------------------------------------------------------------------------------------


class DoubledTanh(bp.Tanh):
    """A layer with a planted fault."""

    def jacobians(self, theta: Any, x: Any, y: Any) -> Any:
        return Diagonal(2 * (1 - y * y)), {}


def test_layers_losses_and_networks_of_ours_are_right() -> None:
    net = bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.Residual([bp.Linear(4, 4), bp.ReLU()]), bp.Linear(4, 3)])
    labels = np.array([0, 1, 2, 0])
    assert check(bp.LayerNorm(3), X).ok
    assert check(bp.CrossEntropy(), X, labels).ok
    assert check(net, X, y=labels, loss=bp.CrossEntropy()).ok
    assert check(net, X.astype(np.float32)).ok


def test_the_layer_at_fault_in_a_network_is_named() -> None:
    net = bp.Network([bp.Linear(3, 4), bp.Residual([bp.Linear(4, 4), DoubledTanh()]), bp.Linear(4, 3)])
    report = check(net, X, np.array([0, 1, 2, 0]), loss=bp.CrossEntropy())
    assert not report.ok
    assert report.layer == "1.0.1"
    assert report.cause == Cause.FACTOR
    assert report.factor is not None
    assert "layer 1.0.1, DoubledTanh()" in report.text()


# -- what cannot be checked ------------------------------------------------------------------------------------


def in_place(x: Any) -> Any:
    x *= 2
    return x


@pytest.mark.parametrize(
    ("function", "point", "cause", "words"),
    [
        (lambda weights: weights + RNG.normal(), V, Cause.NOT_DETERMINISTIC, "not deterministic"),
        (in_place, V, Cause.STALE_INPUT, "changes its argument 'x' in place"),
        (lambda weights: np.log(weights), -np.abs(V), Cause.NOT_FINITE, "value[0] is nan, though weights is finite"),
        (lambda weights: weights * 1j, V, Cause.WRONG_DTYPE, "dtype complex128, expected real numbers"),
        (np.sign, np.array([1.0, 0.0]), Cause.NOT_DIFFERENTIABLE, "[1] at this point"),
        (np.cbrt, np.array([1.0, 0.0]), Cause.NOT_DIFFERENTIABLE, "[1] at this point"),
        (lambda weights: np.sqrt(weights), np.array([0.0, 1.0]), Cause.NOT_DIFFERENTIABLE, "weights[0] at this point"),
    ],
)
def test_a_function_that_cannot_be_checked_is_said_so_in_words(
    function: Any, point: Any, cause: Cause, words: str
) -> None:
    report = check(function, point, vjp=lambda x, u: u)
    assert not report.ok
    assert report.cause == cause
    assert words in report.text()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((np.sin, np.array([1.0, np.nan])), {"jacobian": np.cos}, NonFiniteError, r"holds nan at \(1,\)"),
        ((np.sin, np.arange(3)), {"jacobian": np.cos}, DtypeError, "no input of sin is a floating array"),
        ((np.sin, V), {}, OptionError, "without a derivative"),
        ((np.sin, V), {"jacobian": np.cos, "oracle": "magic"}, OptionError, "oracle='magic'"),
        ((np.sin, V), {"jacobian": np.cos, "points": 0}, OptionError, "points=0"),
        ((np.sin, V), {"gradient": np.cos}, OptionError, "give jacobian= or vjp= instead"),
        ((np.sin, V), {"jacobian": np.cos, "names": ["a", "b"]}, OptionError, "for 1 inputs"),
        ((np.sin, V), {"vjp": lambda x, u: "cos"}, DtypeError, "the derivative in"),
        ((lambda x: x[:0], V), {"vjp": lambda x, u: x}, ShapeError, r"has shape \(0,\)"),
        ((lambda a, b: a * b, V, V), {"vjp": lambda a, b, u: {}}, OptionError, "gave no array for any of a, b"),
        ((3, V), {}, OptionError, "expected a function"),
        ((bp.Tanh(), X, X), {}, OptionError, "expected one"),
        ((bp.CrossEntropy(), X), {}, OptionError, "expected y="),
        ((torch.nn.ReLU(), torch.arange(3)), {}, DtypeError, "floating tensor"),
    ],
)
def test_misuse_is_refused_in_words(arguments: Any, options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check(*arguments, **options)


def test_warnings_of_the_function_at_points_of_the_oracle_stay_inside() -> None:
    assert check(np.log, np.array([1e-3, 1.0, 50.0]), vjp=lambda x, u: u / x).ok


def test_assert_derivative_fails_with_the_report() -> None:
    assert_derivative(np.sin, V, jacobian=np.cos)
    with pytest.raises(AssertionError, match=r"likely cause: sign(.|\n)*█"):
        assert_derivative(np.sin, V, jacobian=lambda x: -np.diag(np.cos(x)))
