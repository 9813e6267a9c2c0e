"""Networks, parameters and losses are pytrees where JAX is loaded, and JAX is loaded by nobody else."""

import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest

import backproof as bp
from oracles import agree

jax.config.update("jax_enable_x64", True)
jnp = jax.numpy
NET = bp.Network([bp.Linear(3, 4), bp.Tanh(), bp.Residual([bp.LayerNorm(4), bp.Linear(4, 4)]), bp.Linear(4, 2)])


def _point() -> tuple[Any, Any, Any]:
    g = np.random.default_rng(0)
    theta = NET.initialize(0, like=jnp.zeros(1))
    return theta, jnp.asarray(g.normal(size=(5, 3))), jnp.asarray(g.integers(0, 2, 5))


def _numpys(theta: Any, x: Any, y: Any) -> tuple[Any, bp.Parameters]:
    return bp.value_and_gradient(
        NET, theta.with_vector(np.asarray(theta.vector)), np.asarray(x), np.asarray(y), bp.CrossEntropy()
    )


def test_the_gradient_is_compiled_as_it_stands() -> None:
    theta, x, y = _point()
    value, gradient = jax.jit(bp.value_and_gradient)(NET, theta, x, y, bp.CrossEntropy())
    expected, numbers = _numpys(theta, x, y)
    assert isinstance(gradient, bp.Parameters)
    assert list(gradient) == list(theta)
    agree(value, expected, 1e-12, "loss")
    agree(gradient.vector, numbers.vector, 1e-12, "gradient")
    agree(gradient["2.0.1.weight"], numbers["2.0.1.weight"], 1e-12, "a parameter's gradient")


def test_numpys_parameters_are_taken_by_a_compiled_function() -> None:
    theta, x, y = _point()
    here = theta.with_vector(np.asarray(theta.vector))
    value, _ = jax.jit(lambda theta, x, y: bp.value_and_gradient(NET, theta, x, y, bp.CrossEntropy()))(here, x, y)
    agree(value, _numpys(theta, x, y)[0], 1e-12, "loss")


def test_leaves_are_the_named_arrays() -> None:
    theta, *_ = _point()
    paths = jax.tree_util.tree_flatten_with_path(theta)[0]
    assert [jax.tree_util.keystr(path) for path, _ in paths] == [f"[{name!r}]" for name in theta]
    assert [leaf.shape for _, leaf in paths] == list(NET.layout.shapes.values())
    doubled = jax.tree.map(lambda a: 2 * a, theta)
    agree(doubled.vector, 2 * theta.vector, 0, "twice theta")
    assert jax.tree.structure(doubled) == jax.tree.structure(theta)
    assert jax.tree.leaves(NET) == jax.tree.leaves(bp.CrossEntropy()) == []


def test_examples_are_mapped_over() -> None:
    theta, x, y = _point()

    def one(x: Any, y: Any) -> Any:
        return bp.gradient(NET, theta, x[None], y[None], bp.CrossEntropy())

    each = jax.jit(jax.vmap(one))(x, y)
    expected = bp.per_example_gradients(
        NET, theta.with_vector(np.asarray(theta.vector)), np.asarray(x), np.asarray(y), bp.CrossEntropy()
    ).vector()
    found = np.concatenate([np.asarray(each[name]).reshape(5, -1) for name in theta], axis=1)
    agree(found, expected, 1e-12, "gradients of the examples")


def test_networks_in_a_row_are_mapped_over() -> None:
    theta, x, y = _point()
    three = jax.tree.map(lambda a: jnp.stack([a, a + 0.1, a - 0.2]), theta)
    losses = jax.vmap(lambda theta: bp.value_and_gradient(NET, theta, x, y, bp.CrossEntropy())[0])(three)
    for shift, value in zip((0.0, 0.1, -0.2), losses, strict=True):
        agree(value, _numpys(theta.with_vector(theta.vector + shift), x, y)[0], 1e-12, "loss")


def test_jaxs_own_gradient_is_a_gradient_of_parameters() -> None:
    theta, x, y = _point()
    by_jax = jax.grad(lambda theta: bp.CrossEntropy().value(NET.forward(theta, x), y))(theta)
    assert isinstance(by_jax, bp.Parameters)
    agree(by_jax.vector, _numpys(theta, x, y)[1].vector, 1e-12, "gradient")


def test_weights_are_taken_inside_a_transformation() -> None:
    theta, x, y = _point()
    w = jnp.arange(1.0, 6.0)
    value, _ = jax.jit(bp.value_and_gradient)(NET, theta, x, y, bp.CrossEntropy(), weights=w)
    here = theta.with_vector(np.asarray(theta.vector))
    expected, _ = bp.value_and_gradient(
        NET, here, np.asarray(x), np.asarray(y), bp.CrossEntropy(), weights=np.asarray(w)
    )
    agree(value, expected, 1e-12, "loss")


def test_a_changed_network_or_loss_is_compiled_anew() -> None:
    theta, x, y = _point()
    run = jax.jit(bp.value_and_gradient)
    other = bp.Network([*NET.layers[:1], bp.Sigmoid(), *NET.layers[2:]])
    values = {
        float(run(net, theta, x, y, loss)[0])
        for net in (NET, other)
        for loss in (bp.CrossEntropy(), bp.CrossEntropy(smoothing=0.5))
    }
    assert len(values) == 4


@pytest.mark.parametrize("first", ["jax", "backproof"])
def test_jax_is_told_whichever_is_imported_first(first: str) -> None:
    code = f"""
import sys, {first}, backproof as bp
net = bp.Network([bp.Linear(2, 1)])
assert ("jax" in sys.modules) == ({first!r} == "jax"), "who imported jax?"
import jax
theta = net.initialize(0)
print(len(jax.tree.leaves(theta)), len(jax.tree.leaves(net)), len(jax.tree.leaves(bp.SquaredError())))"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2", "0", "0"]


def test_parameters_that_are_none_keep_their_library() -> None:
    net, x = bp.Network([bp.Tanh()]), jnp.ones((2, 3))
    theta = net.initialize(0, like=x)
    agree(jax.jit(lambda theta, x: net.forward(theta, x))(theta, x), np.tanh(np.ones((2, 3))), 1e-12, "output")
    assert jax.tree.map(lambda a: a, theta) == theta
