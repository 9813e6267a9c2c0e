"""The gradient as a product of Jacobians: one number in three orders, at the costs that are counted."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof.errors import ShapeError
from backproof.operators import Dense, Diagonal, Identity
from cases import LAYER_CASES
from networks import FLAT_CASES, draw_network
from numbers_that_count import Counted, counted
from oracles import agree, check_gradient_with_steps, check_orders

depths = st.integers(1, 8)
seeds = st.integers(0, 9999)
batches = st.sampled_from([1, 1, 2, 3])


@given(seed=seeds, depth=depths, batch=batches, places=st.sampled_from([(), (), (2,)]))
def test_three_orders_give_one_gradient_and_it_is_pytorchs(seed: int, depth: int, batch: int, places: Any) -> None:
    drawn = draw_network(seed, depth, batch, places)
    gradient = check_orders(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss)
    value, by_theta, by_x = drawn.torch_gradient()
    arguments = drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss
    agree(bp.value_and_gradient(*arguments)[0], value, 1e-9, "loss")
    agree(gradient.vector, by_theta, 1e-9, f"gradient of {drawn.net}")
    agree(bp.input_gradient(*arguments), by_x, 1e-9, f"input gradient of {drawn.net}")


@pytest.mark.parametrize("seed", range(60))
def test_three_orders_agree_on_many_networks(seed: int) -> None:
    drawn = draw_network(seed, 1 + seed % 8, 1 + seed % 3)
    check_orders(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss)


@pytest.mark.parametrize("case", FLAT_CASES, ids=lambda case: repr(case.layer))
def test_every_layer_between_two_others_passes_delta_on(case: Any) -> None:
    inner = case.make(4, 3)
    net = bp.Network([bp.Linear(5, 4), bp.Tanh(), inner, bp.Linear(inner.output_shape((4,))[0], 2)])
    theta, g = net.initialize(1, dtype="float64"), np.random.default_rng(0)
    x, y = g.normal(size=(2, 5)), g.normal(size=(2, 2))
    check_orders(net, theta, x, y, bp.SquaredError())
    check_gradient_with_steps(net, theta, x, y, bp.SquaredError())


@given(seed=seeds, depth=depths, batch=batches)
def test_tallies_are_the_multiplications_that_happen(seed: int, depth: int, batch: int) -> None:
    drawn = draw_network(seed, depth, batch)
    net, theta, x, loss = drawn.net, drawn.theta.with_vector(counted(drawn.theta.vector)), counted(drawn.x), drawn.loss

    def made(run: Any) -> int:
        Counted.made = 0
        run()
        return Counted.made

    before = made(lambda: loss.value_and_gradient(net.linearize(theta, x).output, drawn.y))
    for order in (bp.value_and_gradient, bp.algorithm_1, bp.naive_product):
        tally = bp.Tally()
        total = made(lambda: order(net, theta, x, drawn.y, loss, tally=tally))  # noqa: B023
        assert total - before == tally.total, f"{order.__name__}: {net}\n{tally}"


def costs(depth: int, width: int = 6) -> list[int]:
    net = bp.Network([layer for _ in range(depth) for layer in (bp.Linear(width, width), bp.Tanh())])
    theta, x = net.initialize(), np.ones((2, width), np.float32)
    tallies = []
    for order in (bp.value_and_gradient, bp.algorithm_1, bp.naive_product):
        tallies.append(bp.Tally())
        order(net, theta, x, x, bp.SquaredError(), tally=tallies[-1])
    return [tally.total for tally in tallies]


def test_recursion_is_linear_and_the_naive_product_quadratic_in_depth() -> None:
    at = {depth: np.array(costs(depth)) for depth in (8, 16, 24, 32)}
    first, second = at[16] - at[8], at[24] - at[16]
    assert first[0] == second[0] == (at[32] - at[24])[0]
    assert second[2] - first[2] == ((at[32] - at[24]) - second)[2] > 0
    assert np.all(at[32][0] < at[32][1:])


def test_one_row_is_cheapest_first_and_the_jacobian_first_costs_as_many_rows_as_outputs() -> None:
    recursion, first, _ = costs(1, width=6)
    assert first == 6 * (recursion + 2 * 0) + 2 * 6 * (6 * 6 + 6)


def test_tally_prints_every_product_and_the_total() -> None:
    net, tally = bp.Network([bp.Linear(3, 2), bp.Residual(bp.Linear(2, 2))]), bp.Tally()
    theta, x = net.initialize(), np.ones((1, 3), np.float32)
    bp.value_and_gradient(net, theta, x, np.ones((1, 2)), bp.SquaredError(), tally=tally)
    assert [what for what, _ in tally.entries] == [
        "delta B[1.0.weight]", "delta B[1.0.bias]", "delta A[1.0]", "delta B[0.weight]", "delta B[0.bias]",
    ]  # fmt: skip
    assert [count for _, count in tally.entries] == [4, 0, 4, 6, 0]
    assert str(tally).splitlines()[-1].split() == ["total", "14"]


@pytest.mark.parametrize("order", [bp.value_and_gradient, bp.algorithm_1, bp.naive_product])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(order: Any, dtype: str) -> None:
    net = bp.Network([case.make(4, 4) for case in LAYER_CASES if case.make(4, 4).output_shape((4,)) == (4,)])
    theta, x = net.initialize(3, dtype=dtype), np.random.default_rng(0).normal(size=(2, 4)).astype(dtype)
    value, gradient = order(net, theta, x, np.array([1, 2]), bp.CrossEntropy())
    assert {value.dtype, gradient.vector.dtype} == {np.dtype(dtype)}
    assert bp.input_gradient(net, theta, x, np.array([1, 2]), bp.CrossEntropy()).dtype == dtype


def small() -> tuple[bp.Network, bp.Parameters, Any, Any]:
    net = bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.Linear(4, 2)])
    g = np.random.default_rng(0)
    return net, net.initialize(0, dtype="float64"), g.normal(size=(5, 3)), g.normal(size=(5, 2))


def test_mean_is_the_sum_divided_by_the_batch_and_weights_weigh() -> None:
    net, theta, x, y = small()
    mean, total = (bp.gradient(net, theta, x, y, bp.SquaredError(reduction=r)) for r in ("mean", "sum"))
    agree(mean.vector * 5, total.vector, 1e-14, "mean")
    w = np.array([0.0, 2.0, 0.0, 0.0, 0.0])
    weighted = bp.gradient(net, theta, x, y, bp.SquaredError(), weights=w)
    agree(weighted.vector, bp.gradient(net, theta, x[1:2], y[1:2], bp.SquaredError()).vector, 1e-14, "one weight")
    for order in (bp.algorithm_1, bp.naive_product):
        agree(order(net, theta, x, y, bp.SquaredError(), weights=w)[1].vector, weighted.vector, 1e-12, "orders")


def test_out_receives_the_gradient_and_other_vectors_are_refused() -> None:
    net, theta, x, y = small()
    out = theta.with_vector(np.full_like(theta.vector, np.nan))
    _, gradient = bp.value_and_gradient(net, theta, x, y, bp.SquaredError(), out=out)
    assert gradient is out
    agree(out.vector, bp.gradient(net, theta, x, y, bp.SquaredError()).vector, 1e-15, "out")
    other = bp.Network([bp.Linear(4, 2), bp.Linear(3, 4)]).initialize(0, dtype="float64")
    assert other.vector.shape == theta.vector.shape
    wrongs = (theta, theta.with_vector(theta.vector[:]), theta.astype("float32"), other, theta.vector.copy())
    for wrong in wrongs:
        with pytest.raises(bp.errors.OptionError, match="out must be other parameters"):
            bp.value_and_gradient(net, theta, x, y, bp.SquaredError(), out=wrong)  # type: ignore[arg-type]


def test_out_is_written_where_arrays_can_be_and_refused_elsewhere() -> None:
    net = bp.Network([bp.Linear(3, 2)])
    theta = net.initialize(like=torch.zeros(1))
    out, x = theta.copy(), torch.ones(2, 3)
    _, gradient = bp.value_and_gradient(net, theta, x, torch.ones(2, 2), bp.SquaredError(), out=out)
    assert gradient is out
    assert torch.equal(out.vector, bp.gradient(net, theta, x, torch.ones(2, 2), bp.SquaredError()).vector)
    theta, x = net.initialize(like=jax.numpy.zeros(1)), jax.numpy.ones((2, 3))
    with pytest.raises(bp.errors.OptionError, match="theta is of jax; out is for NumPy and PyTorch"):
        bp.value_and_gradient(net, theta, x, jax.numpy.ones((2, 2)), bp.SquaredError(), out=theta)


@dataclass(frozen=True, repr=False)
class Scaled(bp.Layer):
    """``y = w * x + b`` written by a user, who makes the mistake ``fault``."""

    fault: str = ""

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (3,), "bias": (3,)}

    def initialize(self, generator: Any) -> dict[str, Any]:
        return {"weight": np.ones(3), "bias": np.zeros(3)}

    def value(self, theta: Any, x: Any) -> Any:
        y = theta["weight"] * x + theta["bias"]
        return y[:, :2] if self.fault == "output" else y

    def jacobians(self, theta: Any, x: Any, y: Any) -> Any:
        B: dict[str, Any] = {"weight": Diagonal(x), "bias": Identity(3)}
        wide = Dense(np.ones((3, 4)))
        if self.fault == "renamed":
            B["wieght"] = B.pop("weight")
        elif self.fault in ("omitted", "late") and (self.fault == "omitted" or x.shape[0] == 3):
            del B["bias"]
        elif self.fault == "B":
            B["bias"] = wide
        A: Any = {"A": wide, "array": np.eye(3)}.get(self.fault, Diagonal(theta["weight"]))
        return A, B


MISTAKES = [
    ("omitted", r"layer 1.*, Scaled\(fault='omitted'\): the Jacobians have no B for parameter 'bias'; expected"),
    ("renamed", r"layer 1.*, Scaled.* no B for parameter 'weight' and a B for 'wieght', which is no parameter"),
    ("A", r"layer 1.*, Scaled.*: A has shape \(3, 4\), expected \(3, 3\): output by input"),
    ("B", r"layer 1.*, Scaled.*: B\['bias'\] has shape \(3, 4\), expected \(3, 3\)"),
    ("array", r"layer 1.*, Scaled.*: A is ndarray, expected an operator"),
    ("output", r"layer 1.*, Scaled.*: its output has shape \(batch, 2\), expected \(batch, 3\)"),
]


@pytest.mark.parametrize("wrap", [list, bp.Residual], ids=["plain", "inside"])
@pytest.mark.parametrize(("fault", "message"), MISTAKES)
def test_mistake_in_a_users_jacobians_is_an_error_that_names_the_layer(fault: str, message: str, wrap: Any) -> None:
    if fault == "output":
        wrap = list  # inside a residual, the array library refuses to add it to x
    net = bp.Network([bp.Tanh(), wrap([Scaled(fault)])])
    theta, x = net.initialize(0, dtype="float64"), np.ones((2, 3))
    for order in (bp.value_and_gradient, bp.algorithm_1, bp.naive_product):
        with pytest.raises(ShapeError, match=message):
            order(net, theta, x, x, bp.SquaredError())


@pytest.mark.parametrize("order", [bp.value_and_gradient, bp.algorithm_1, bp.naive_product])
@pytest.mark.parametrize("like", [None, torch.zeros(1, dtype=torch.float64)], ids=["numpy", "torch"])
def test_block_forgotten_only_later_is_an_error_too(order: Any, like: Any) -> None:
    if like is not None and order is bp.naive_product:
        order = bp.gradient
    net = bp.Network([bp.Linear(3, 3), Scaled("late")])
    theta = net.initialize(0, dtype="float64", like=like)
    xp = np if like is None else torch
    for batch in (2, 3):
        x = xp.ones((batch, 3), dtype=xp.float64)
        if batch == 2:
            order(net, theta, x, x, bp.SquaredError())
            continue
        with pytest.raises(ShapeError, match=r"layer 1.*, Scaled\(fault='late'\): .* no B for parameter '1.bias'"):
            order(net, theta, x, x, bp.SquaredError())


def test_loss_without_brackets_is_refused() -> None:
    net, theta, x, y = small()
    for order in (bp.value_and_gradient, bp.algorithm_1, bp.naive_product, bp.input_gradient):
        with pytest.raises(bp.errors.OptionError, match=r"write SquaredError\(\) with brackets"):
            order(net, theta, x, y, bp.SquaredError)  # type: ignore[operator]
        with pytest.raises(bp.errors.OptionError, match=r"^value_and_gradient: loss is 'mse', expected a loss object"):
            order(net, theta, x, y, "mse")  # type: ignore[operator]


def test_reused_out_is_written_over_also_where_parameters_are_shared() -> None:
    net = bp.Network([bp.Shared([bp.Linear(3, 3), bp.Tanh()], 3)])
    theta, g = net.initialize(0, dtype="float64"), np.random.default_rng(0)
    x, y = g.normal(size=(2, 3)), g.normal(size=(2, 3))
    out = theta.copy()
    for _ in range(2):
        bp.value_and_gradient(net, theta, x, y, bp.SquaredError(), out=out)
    agree(out.vector, bp.naive_product(net, theta, x, y, bp.SquaredError())[1].vector, 1e-12, "gradient")


def test_network_without_parameters_has_an_empty_gradient() -> None:
    net = bp.Network([bp.Tanh()])
    theta, x = net.initialize(), np.ones((2, 3), np.float32)
    for order in (bp.value_and_gradient, bp.algorithm_1, bp.naive_product):
        assert order(net, theta, x, x, bp.SquaredError())[1].vector.shape == (0,)


def test_algorithm_1_refuses_a_jacobian_that_would_not_fit_and_says_its_size() -> None:
    net = bp.Network([bp.Linear(1000, 1000)])
    theta, x = net.initialize(), np.ones((8, 1000), np.float32)
    with pytest.raises(bp.errors.OptionError, match=r"would take 29.8 GiB, expected at most 4"):
        bp.algorithm_1(net, theta, x, x, bp.SquaredError())


@pytest.mark.parametrize("order", [bp.value_and_gradient, bp.algorithm_1, bp.naive_product, bp.input_gradient])
def test_nan_is_traced_to_where_it_arises(order: Any) -> None:
    net, theta, x, y = small()
    net = bp.Network([*net.layers, bp.Product((bp.Linear(2, 2), bp.Linear(2, 2)))])
    theta = net.initialize(0, dtype="float64")
    with np.errstate(all="ignore"):
        x[2, 1] = np.nan
        with pytest.raises(bp.errors.NonFiniteError, match=r"the input holds nan at \(2, 1\)"):
            order(net, theta, x, y, bp.SquaredError())
        x[2, 1] = 1
        theta["2.weight"][0, 3] = np.inf
        with pytest.raises(bp.errors.NonFiniteError, match=r"parameter '2.weight' holds inf at \(0, 3\)"):
            order(net, theta, x, y, bp.SquaredError())
        theta["2.weight"][0, 3] = 1e200
        with pytest.raises(bp.errors.NonFiniteError, match=r"layer 3, Product\(.*: its output holds -?inf at \(0, "):
            order(net, theta, x, y, bp.SquaredError())
        theta["2.weight"][0, 3] = 1
        y[4, 0] = np.nan
        with pytest.raises(bp.errors.NonFiniteError, match="SquaredError: the loss is nan although all outputs are"):
            order(net, theta, x, y, bp.SquaredError())


def test_same_arguments_give_the_same_bits() -> None:
    net, theta, x, y = small()
    first, second = (bp.gradient(net, theta, x, y, bp.SquaredError()).vector for _ in range(2))
    np.testing.assert_array_equal(first, second)
