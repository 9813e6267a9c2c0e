"""Compiled for JAX, layers, losses and networks give the numbers of the ordinary formulas."""

import os
from typing import Any

import jax
import numpy as np
import pytest

import backproof as bp
from backproof.compilation.compiled import compile
from cases import LAYER_CASES, LOSS_CASES
from networks import draw_network
from oracles import agree

jax.config.update("jax_enable_x64", True)
jnp = jax.numpy
RTOL = {"float64": 1e-12, "float32": 1e-5}


def same(
    net: Any, loss: Any, theta: Any, x: Any, y: Any, dtype: str = "float64", weights: Any = None, rounding: float = 0
) -> None:
    """Assert that the program, run once as its first call would hand it on, agrees with NumPy's formulas.

    Where the formulas themselves lose more digits to rounding, it may lose four times as many.
    """
    program = compile(net, loss=loss, library="jax", dtype=dtype, input_shape=tuple(x.shape[1:]))
    assert program.compiled, program.reason
    x, y, vector = (np.asarray(a, dtype) if a.dtype.kind == "f" else a for a in (x, y, np.asarray(theta.vector)))
    here, w = theta.with_vector(vector), None if weights is None else np.asarray(weights, dtype)
    value, gradient = bp.value_and_gradient(net, here, x, y, loss, weights=w)
    run = program._variant(tuple(x.shape[1:]), (str(y.dtype), tuple(y.shape[1:])), x.shape[0], w is not None).run
    moved = None if w is None else jnp.asarray(w)
    mine, found = run(theta.with_vector(jnp.asarray(vector)), jnp.asarray(x), jnp.asarray(y), moved, None)
    agree(mine, value, RTOL[dtype], f"loss of {net}")
    agree(found.vector, gradient.vector, max(RTOL[dtype], 4 * rounding), f"gradient of {net}")
    assert isinstance(found[next(iter(found))] if len(found) else mine, jax.Array)
    assert str(mine.dtype) == dtype


TRACED = [case for case in LAYER_CASES if getattr(case.layer, "step", None) is None]


GROUPS = [
    (shape, cases[first : first + 6])
    for shape in sorted({case.shape for case in TRACED if case.axes})
    for cases in [[case for case in TRACED if case.axes and case.shape == shape]]
    for first in range(0, len(cases), 6)
]
"""Compiling takes JAX half a second, so several layers share one network."""


@pytest.mark.parametrize(("shape", "cases"), GROUPS, ids=lambda part: str(part) if isinstance(part, tuple) else "")
def test_every_layer_gives_the_formulas_numbers(shape: Any, cases: Any) -> None:
    g = np.random.default_rng(0)
    net = bp.Network(
        [bp.Concatenate(tuple([case.layer, bp.Flatten()] for case in [*cases, *cases][: max(2, len(cases))]))]
    )
    theta = net.initialize(0, "float64")
    theta = theta.with_vector(theta.vector + 0.3 * g.normal(size=theta.vector.shape))
    (size,) = net.output_shape(shape)
    same(net, bp.SquaredError(), theta, g.normal(size=(3, *shape)), g.normal(size=(3, size)))


def test_a_layer_that_turns_axes_gives_the_formulas_numbers() -> None:
    net, g = bp.Network([bp.Reshape((3, -1)), bp.Linear(2, 2)]), np.random.default_rng(0)
    same(net, bp.SquaredError(), net.initialize(0, "float64"), g.normal(size=(2, 3, 2)), g.normal(size=(2, 6)))


def test_products_name_their_axes_where_a_factor_would_be_turned() -> None:
    net = bp.Network([bp.Linear(3, 4), bp.Linear(4, 2)])
    source = compile(net, loss=bp.SquaredError(), library="jax", input_shape=(3,)).source
    assert ".T" not in source
    assert "tensordot(x0, W1, axes=(1, 1))" in source
    assert "tensordot(delta1, x0, axes=(0, 0))" in source
    assert "delta2 @ W2" in source


@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: repr(case.loss))
def test_every_loss_gives_the_formulas_numbers(case: Any) -> None:
    g, net = np.random.default_rng(0), bp.Network([bp.Linear(3, 4), bp.LogSoftmax()])
    theta, x, y = net.initialize(1, "float64"), g.normal(size=(5, 3)), case.targets(g, 5, 4)
    same(net, case.loss, theta, x, y, weights=g.random(5))


NETWORKS = int(os.environ.get("BACKPROOF_JAX_NETWORKS", "12"))
"""How many random networks; JAX compiles each for half a second. All 100: BACKPROOF_JAX_NETWORKS=100."""


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_random_networks_give_the_formulas_numbers(seed: int) -> None:
    drawn = draw_network(seed, 1 + seed % 4, 1 + seed % 3, (2,) if seed % 4 == 3 else ())
    if "step=" in repr(drawn.net):
        drawn = draw_network(seed + 100, 1 + seed % 3)
    dtype = "float64" if seed % 2 else "float32"
    same(drawn.net, drawn.loss, drawn.theta, drawn.x, drawn.y, dtype, rounding=_rounding(drawn, dtype))


def _rounding(drawn: Any, dtype: str) -> float:
    """Return by how much of the largest entry a dtype's gradient, by the formulas, differs from float64's."""

    def gradient(dtype: str) -> Any:
        x, y = (array.astype(dtype) if array.dtype.kind == "f" else array for array in (drawn.x, drawn.y))
        return bp.gradient(drawn.net, drawn.theta.astype(dtype), x, y, drawn.loss).vector

    exact = gradient("float64")
    return float(np.abs(gradient(dtype) - exact).max(initial=0) / np.abs(exact).max(initial=1e-300))


def _digits() -> tuple[Any, ...]:
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(20, 16), bp.ReLU(), bp.Linear(16, 10)])
    theta = net.initialize(0, like=jnp.zeros(1))
    program = compile(net, loss=bp.CrossEntropy(), library="jax", dtype="float64")
    return net, theta, jnp.asarray(g.normal(size=(6, 20))), jnp.asarray(g.integers(0, 10, 6)), program


def test_the_program_is_called_as_the_formulas_are() -> None:
    net, theta, x, y, program = _digits()
    expected, gradient = bp.value_and_gradient(net, theta, x, y, bp.CrossEntropy())
    for _ in range(2):
        value, found = program(theta, x, y)
        agree(value, expected, 1e-12, "loss")
        agree(found.vector, gradient.vector, 1e-12, "gradient")
    inside, _ = jax.jit(lambda theta, x, y: program(theta, x, y))(theta, x, y)
    agree(inside, expected, 1e-12, "loss inside another program")
    each = jax.vmap(lambda x, y: program(theta, x[None], y[None])[0])(x, y)
    agree(each.mean(), expected, 1e-12, "losses of the examples")


def test_wrong_arguments_are_refused_as_by_the_formulas() -> None:
    _, theta, x, y, program = _digits()
    for _ in range(2):
        with pytest.raises(bp.errors.DataError, match="example 0 has class index 10, expected 0 to 9"):
            program(theta, x, y * 0 + 10)
        with pytest.raises(bp.errors.NonFiniteError, match="the input holds nan"):
            program(theta, x * np.nan, y)
        with pytest.raises(bp.errors.DtypeError, match="input of numpy, theta of jax"):
            program(theta, np.asarray(x), y)
        with pytest.raises(bp.errors.DtypeError, match="targets of numpy, outputs of jax"):
            program(theta, x, np.asarray(y))
        program(theta, x, y)
    assert "jnp.where(l, jnp.nan, loss)" in program.source
