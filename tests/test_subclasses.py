"""NumPy's matrices are taken for the arrays they hold, and masked arrays are refused, at every door."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.arrays import Array
from backproof.errors import DtypeError

NET = bp.Network([bp.Linear(3, 3), bp.SiLU(), bp.LayerNorm(3)])
THETA = NET.initialize(0, "float64")
DRAW = np.random.default_rng(0)
# A square batch, for which the product of matrices has the shape of the product of entries.
X, Y, WEIGHTS = DRAW.normal(size=(3, 3)), DRAW.normal(size=(3, 3)), np.array([1.0, 2.0, 3.0])
LOSS = bp.SquaredError()
PROGRAM = bp.compile(NET, loss=LOSS, dtype="float64")


def named(theta: bp.Parameters) -> dict[str, Array]:
    return {name: theta[name] for name in theta}


DOORS: dict[str, tuple[Callable[[Any], Any], Array]] = {
    "forward": (lambda x: NET(THETA, x), X),
    "linearize": (lambda x: NET.linearize(THETA, x).output, X),
    "layer": (lambda x: NET[1].forward({}, x), X),
    "layer linearized": (lambda x: NET[1].linearize({}, x).output, X),
    "layer's parameter": (lambda w: NET[0].forward({"weight": w, "bias": THETA["0.bias"]}, X), THETA["0.weight"]),
    "parameters": (lambda w: NET.parameters(named(THETA) | {"0.weight": w}).vector, THETA["0.weight"]),
    "inputs of a gradient": (lambda x: bp.gradient(NET, THETA, x, Y, LOSS).vector, X),
    "targets of a gradient": (lambda y: bp.gradient(NET, THETA, X, y, LOSS).vector, Y),
    "inputs of an input gradient": (lambda x: bp.input_gradient(NET, THETA, x, Y, LOSS), X),
    "outputs of a loss": (lambda z: LOSS.value_and_gradient(z, Y)[1], X),
    "inputs of a program": (lambda x: PROGRAM(THETA, x, Y)[1].vector, X),
    "targets of a program": (lambda y: PROGRAM(THETA, X, y)[1].vector, Y),
    "direction": (lambda dx: bp.jvp(NET, THETA, X, dx)[1], X),
    "row": (lambda u: bp.vjp(NET, THETA, X)[1](u)[0], X),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_matrix_gives_the_numbers_of_its_array(door: str) -> None:
    ask, array = DOORS[door]
    expected = ask(array)
    for _ in range(2):
        came = ask(array.view(np.matrix))
        assert type(came) is np.ndarray
        np.testing.assert_array_equal(came, ask(array))
        np.testing.assert_allclose(came, expected, rtol=1e-14)


MASKED = DOORS | {
    "weights of a gradient": (lambda w: bp.gradient(NET, THETA, X, Y, LOSS, weights=w), WEIGHTS),
    "weights of a program": (lambda w: PROGRAM(THETA, X, Y, weights=w), WEIGHTS),
    "vector of theta": (lambda v: bp.gradient(NET, THETA.with_vector(v), X, Y, LOSS), THETA.vector),
    "vector of a program": (lambda v: PROGRAM(THETA.with_vector(v), X, Y), THETA.vector),
}


@pytest.mark.parametrize("door", MASKED)
def test_a_masked_array_is_refused_by_name(door: str) -> None:
    ask, array = MASKED[door]
    ask(array)
    for mask in (False, array == array.flat[0]):
        with pytest.raises(DtypeError, match="came as a masked array, expected one without a mask"):
            ask(np.ma.masked_array(array, mask))


def test_a_memory_map_stays_what_it_is(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=X.shape)
    mapped[...] = X
    np.testing.assert_array_equal(NET(THETA, mapped), NET(THETA, X))
