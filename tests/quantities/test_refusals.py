"""What does not fit, has no Jacobian of its own, or lies on a kink is said in words."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof import quantities as q
from backproof.arrays import Array
from backproof.errors import CoupledBatchError, DtypeError, KinkWarning, OptionError, ShapeError
from backproof.layers import Layer
from backproof.operators import Identity, Operator
from cases import LAYER_CASES
from oracles import agree
from quantity_oracles import parts, problem
from torch_networks import POINTS, point

LOSS = bp.CrossEntropy()

# -- memory ----------------------------------------------------------------------------------------------------


def sized(batch: int = 50) -> Any:
    return point([bp.Linear(30, 20), bp.Tanh(), bp.Linear(20, 10)], (30,), LOSS, batch)


TOO_LARGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "dense Jacobian": (
        lambda p: q.jacobian(*parts(p)).dense(memory=100_000),
        r"50 x 10 x 30 numbers dense takes 120,000 bytes, more than the 100,000 .*factored\(\).*J @ v.*dense_jacobian",
    ),
    "parameter Jacobian": (
        lambda p: q.jacobian(*parts(p), wrt="parameters").dense(memory=1000),
        r"50 x 10 x 830 numbers dense takes 3,320,000 bytes.*blocks J\[name\] stay factored.*dense_jacobian",
    ),
    "kernel": (
        lambda p: q.ntk(*parts(p), memory=1_000_000),
        r"50 x 50 x 10 x 10 numbers takes 2,000,000 bytes.*out=, a memory map.*kind='trace'",
    ),
    "traced kernel": (lambda p: q.ntk(*parts(p), kind="trace", memory=1), "50 x 50 numbers takes 20,000 .*memory map"),
    "Gauss-Newton block": (
        lambda p: q.ggn(*problem(p)).block("0.weight", memory=1000),
        r"ggn.block\('0.weight'\): 600 x 600 numbers takes 2,880,000 bytes.*kfac\(\)",
    ),
    "Hessian": (
        lambda p: q.hessian(*problem(p)).dense(memory=1000),
        r"Hessian.dense: 830 x 830 numbers takes 5,511,200 bytes.*H @ v",
    ),
    "Hessian block": (
        lambda p: q.hessian(*problem(p)).block("0", memory=1000),
        r"Hessian.block\('0'\): 620 x 620 numbers",
    ),
    "chunks": (
        lambda p: q.dense_jacobian(*parts(p), memory=100),
        r"dense_jacobian: one example takes 2,400 bytes, more than the 100.*keeps it factored",
    ),
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_does_not_fit_says_its_size_and_what_serves_instead(what: str) -> None:
    ask, message = TOO_LARGE[what]
    with pytest.raises(OptionError, match=message):
        ask(sized())


WITHOUT_LIMIT: dict[str, tuple[Callable[[Any], Any], str]] = {
    "dense Jacobian": (lambda p: q.jacobian(*parts(p)).dense(), "factored"),
    "jacrev": (lambda p: q.jacrev(*parts(p)), "jacrev: .*factored"),
    "jacfwd": (lambda p: q.jacfwd(*parts(p)), "jacfwd: .*factored"),
    "kernel": (lambda p: q.ntk(*parts(p)), "memory map"),
    "all gradients": (lambda p: q.per_example_gradients(*problem(p)).vector(), r"norms\(\)"),
    "slopes": (lambda p: q.local_affine(*parts(p)), "fewer examples"),
    "interval": (lambda p: q.prediction_interval(*parts(p), np.ones(830)), "sketch="),
    "spectrum": (lambda p: q.spectrum(*parts(p)), "fewer examples"),
    "chunks": (lambda p: q.dense_jacobian(*parts(p), memory=10**9), "out=, a memory map"),
}


@pytest.mark.parametrize("what", WITHOUT_LIMIT)
def test_without_a_limit_half_of_the_machine_is_the_limit(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.quantities import memory

    ask, message = WITHOUT_LIMIT[what]
    p = sized()
    ask(p)
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 2 if name == "SC_PAGE_SIZE" else 1000)
    with pytest.raises(OptionError, match=rf"more than the 1,000 allowed; .*{message.rpartition(': .*')[2]}"):
        ask(p)


def test_machine_that_does_not_say_its_memory_is_taken_for_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.quantities import memory

    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(memory.os, "sysconf", unknown)
    assert memory.budget() == 4 * 2**30


def test_kernel_larger_than_memory_goes_into_a_memory_map(tmp_path: Path) -> None:
    p = sized(7)
    np.save(tmp_path / "x.npy", p.x)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    out = np.lib.format.open_memmap(tmp_path / "k.npy", mode="w+", dtype=float, shape=(7, 7, 10, 10))
    came = q.ntk(p.net, p.theta, x, block=3, out=out, memory=1)
    assert came is out
    agree(np.load(tmp_path / "k.npy"), q.ntk(*parts(p)), 1e-12, "kernel")
    with pytest.raises(ShapeError, match=r"out has shape \(7, 7, 10, 10\), expected \(7, 7\)"):
        q.ntk(*parts(p), kind="trace", out=out)


def test_dense_jacobians_larger_than_memory_go_into_a_memory_map(tmp_path: Path) -> None:
    p = sized(7)
    out = np.lib.format.open_memmap(tmp_path / "j.npy", mode="w+", dtype=float, shape=(7, 10, 30))
    assert q.dense_jacobian(*parts(p), memory=6000, out=out) is out
    agree(np.load(tmp_path / "j.npy"), q.jacobian(*parts(p)).dense(), 1e-12, "Jacobians")
    with pytest.raises(ShapeError, match=r"out has shape \(7, 10, 30\), expected \(7, 10, 830\)"):
        q.dense_jacobian(*parts(p), wrt="parameters", out=out)


# -- coupled batches -------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Centred(Layer):
    """x minus the mean over the batch: no example has a Jacobian of its own."""

    coupled = True

    def value(self, theta: Any, x: Array) -> Array:
        return x - x.mean(0)

    def jacobians(self, theta: Any, x: Array, y: Array) -> tuple[Operator, dict[str, Operator]]:
        return Identity(x.shape[1]), {}


PER_EXAMPLE: dict[str, Callable[[Any], Any]] = {
    "jacobian": lambda p: q.jacobian(*parts(p)),
    "jacrev": lambda p: q.jacrev(*parts(p)),
    "jacfwd": lambda p: q.jacfwd(*parts(p)),
    "per_example_gradients": lambda p: q.per_example_norms(*problem(p)),
    "ntk": lambda p: q.ntk(*parts(p)),
    "ggn": lambda p: q.ggn(*problem(p)),
    "fisher": lambda p: q.fisher(*problem(p)),
    "spectrum": lambda p: q.spectrum(*parts(p)),
    "local_affine": lambda p: q.local_affine(*parts(p)),
    "prediction_interval": lambda p: q.prediction_interval(*parts(p), 1.0),
}


@pytest.mark.parametrize("who", PER_EXAMPLE)
@pytest.mark.parametrize("inside", [False, True])
def test_layer_that_couples_the_batch_is_refused_by_name(who: str, inside: bool) -> None:
    coupled = bp.Residual(Centred()) if inside else Centred()
    p = point([bp.Linear(3, 3), coupled, bp.Linear(3, 2)], (3,), LOSS)
    with pytest.raises(CoupledBatchError, match=rf"{who}.*: layer 1, .*Centred\(\).* couples the examples"):
        PER_EXAMPLE[who](p)


# -- kinks -----------------------------------------------------------------------------------------------------


def on_kinks(zeros: int = 3) -> Any:
    """Return a point at which exactly ``zeros`` pre-activations are 0."""
    p = point([bp.ReLU(), bp.Linear(4, 3), bp.Tanh(), bp.Linear(3, 2)], (4,), LOSS)
    p.x.reshape(-1)[:zeros] = 0.0
    return p


WARNS: dict[str, Callable[[Any], Any]] = {
    **PER_EXAMPLE,
    "jvp": lambda p: q.jvp(*parts(p), p.x),
    "vjp": lambda p: q.vjp(*parts(p)),
    "linearize": lambda p: q.linearize(*parts(p)),
    "ggn": lambda p: q.ggn(*problem(p), batch=2).diagonal(),
    "fisher": lambda p: q.fisher(*problem(p), batch=2) @ p.theta,
    "hessian": lambda p: q.hessian(*problem(p), batch=2) @ np.ones((p.theta.layout.size, 2)),
    "ntk": lambda p: q.ntk(*parts(p), block=2),
}


@pytest.mark.parametrize("who", WARNS)
def test_derivative_on_a_kink_warns_once_with_the_count(who: str) -> None:
    with pytest.warns(KinkWarning, match=rf"{who}.*: 3 entries lie exactly on a kink.*3 at layer 0, ReLU") as caught:
        WARNS[who](on_kinks())
    assert len(caught) == 1


@pytest.mark.parametrize("who", WARNS)
def test_away_from_kinks_nothing_is_said(who: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WARNS[who](on_kinks(0))


def test_an_operator_over_data_warns_in_its_first_pass_only() -> None:
    G = q.ggn(*problem(on_kinks()), batch=2)
    with pytest.warns(KinkWarning, match="ggn: 3 entries"):
        G.eigenvalues(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        G.trace()


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ([bp.Residual([bp.ReLU(), bp.Sine()])], ["0.0.0, ReLU"]),
        ([bp.Sum((bp.ReLU(), [bp.Hardtanh(0.0, 1.0), bp.Tanh()]))], ["0.0, ReLU", "0.1.0, Hardtanh"]),
        ([bp.Shared(bp.LeakyReLU(0.1), 2)], ["0.0, LeakyReLU"]),
    ],
)
def test_layers_inside_combinators_are_looked_at(layers: list[Any], names: list[str]) -> None:
    p = point(layers, (4,), bp.SquaredError())
    p.x[1, 2] = 0.0
    with pytest.warns(KinkWarning) as caught:
        q.jacobian(*parts(p))
    assert all(f"at layer {name}" in str(caught[0].message) for name in names)
    times = 2 if "Leaky" in names[0] else len(names)
    assert f"jacobian: {times} entries" in str(caught[0].message)


@pytest.mark.parametrize("case", [c for c in LAYER_CASES if c.kinks], ids=lambda c: repr(c.layer))
def test_layers_know_their_kinks(case: Any) -> None:
    x = np.array([[*case.kinks, 0.123, -7.5]])
    if type(case.layer).__name__ in ("ELU", "SELU"):
        assert case.layer.kinks(x)[0, 0]
    expected = [True] * len(case.kinks) + [False, False]
    assert case.layer.kinks(x)[0].tolist() == expected


@pytest.mark.parametrize("case", [c for c in LAYER_CASES if not c.kinks], ids=lambda c: repr(c.layer)[:40])
def test_smooth_layers_have_no_kinks(case: Any) -> None:
    x = np.zeros((1, *case.example(4, 3)))
    assert case.layer.kinks(x) is None


def test_points_of_the_oracles_are_away_from_kinks() -> None:
    for make in POINTS.values():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            q.jacobian(*parts(make()))


# -- rounding --------------------------------------------------------------------------------------------------


def test_variance_of_gradients_in_float32_survives_a_large_mean() -> None:
    g = np.random.default_rng(0)
    net = bp.Network([bp.Linear(3, 2)])
    theta = net.initialize(0, "float32")
    x = (3 + 1e-3 * g.normal(size=(64, 3))).astype(np.float32)
    y = np.ones((64, 2), np.float32)
    came = q.gradient_statistics(net, theta, x, y, bp.SquaredError())
    rows = q.per_example_gradients(net, theta.astype("float64"), x.astype(float), y, bp.SquaredError()).vector()
    assert came.variance.vector.dtype == came.mean.vector.dtype == came.signal_to_noise.vector.dtype == np.float32
    assert np.allclose(came.variance.vector, rows.var(0), rtol=1e-3, atol=0)
    assert np.allclose(came.signal_to_noise.vector, rows.mean(0) ** 2 / rows.var(0), rtol=1e-3, atol=0)


# -- arguments -------------------------------------------------------------------------------------------------

OF_A_LOSS: dict[str, Callable[..., Any]] = {
    "per_example_gradients": q.per_example_gradients,
    "per_example_norms": q.per_example_norms,
    "clipped_gradient": lambda *given: q.clipped_gradient(*given, 1.0),
    "gradient_statistics": q.gradient_statistics,
    "ggn": q.ggn,
    "fisher": q.fisher,
    "hessian": q.hessian,
    "hvp": lambda *given: q.hvp(*given, np.ones(given[1].layout.size)),
}


@pytest.mark.parametrize("who", OF_A_LOSS)
@pytest.mark.parametrize(("loss", "hint"), [(bp.SquaredError, r"write SquaredError\(\)"), ("mse", "give a loss")])
def test_what_is_no_loss_is_refused(who: str, loss: Any, hint: str) -> None:
    p = sized(3)
    with pytest.raises(OptionError, match=f"loss is .*expected a loss object; {hint}"):
        OF_A_LOSS[who](p.net, p.theta, p.x, p.y, loss)


OVER_DATA: dict[str, Callable[..., Any]] = {
    "ggn": q.ggn,
    "fisher": q.fisher,
    "fisher sampled": lambda *given, **more: q.fisher(*given, kind="sampled", **more),
    "hessian": q.hessian,
}


@pytest.mark.parametrize("who", OVER_DATA)
@pytest.mark.parametrize("batch", [0, 2.5, None, "2", True])
def test_batch_is_a_whole_number_of_at_least_one(who: str, batch: Any) -> None:
    with pytest.raises(OptionError, match=r"batch=.*expected a whole number of at least 1"):
        OVER_DATA[who](*problem(sized(3)), batch=batch)


@pytest.mark.parametrize("who", [*OVER_DATA, "hvp"])
def test_data_are_as_many_examples_as_targets_and_some(who: str) -> None:
    p, ask = sized(3), {**OVER_DATA, "hvp": OF_A_LOSS["hvp"]}[who]
    with pytest.raises(ShapeError, match="x has no examples"):
        ask(p.net, p.theta, p.x[:0], p.y[:0], LOSS)
    with pytest.raises(ShapeError, match="y has 2 targets, expected 3"):
        ask(p.net, p.theta, p.x, p.y[:2], LOSS)
    with pytest.raises(DtypeError, match="x is of type list, expected an array"):
        ask(p.net, p.theta, p.x.tolist(), p.y, LOSS)
    for y in (None, np.array(1)):
        with pytest.raises(DtypeError, match=f"y is of type {type(y).__name__}, expected an array of targets"):
            ask(p.net, p.theta, p.x, y, LOSS)


@pytest.mark.parametrize("who", OVER_DATA)
def test_what_a_matrix_is_multiplied_with_is_an_array_of_its_size(who: str) -> None:
    p = sized(3)
    matrix, size = OVER_DATA[who](*problem(p)), p.theta.layout.size
    for v in ([1.0] * size, 2.0, None):
        with pytest.raises(DtypeError, match=f"v is of type {type(v).__name__}, expected an array or parameters"):
            matrix @ v
    for shape in ((), (size + 1,), (size, 0), (size, 1, 1)):
        with pytest.raises(ShapeError, match=r"got shape .*, expected \(830,\) or \(830, k\)"):
            matrix @ np.ones(shape)
    with pytest.raises(OptionError, match=r"count=2.5, expected a whole number"):
        matrix.eigenvalues(2.5)


def test_hessian_takes_real_vectors() -> None:
    p = sized(3)
    with pytest.raises(DtypeError, match="v has dtype complex128, expected real numbers"):
        q.hvp(*problem(p), np.ones(p.theta.layout.size, complex))


def test_hessian_of_a_coupled_batch_is_that_of_the_whole_batch_or_none() -> None:
    p = point([bp.Linear(3, 3), Centred(), bp.Linear(3, 2)], (3,), LOSS)
    with pytest.raises(CoupledBatchError, match=r"hessian in batches of 2 of 5 examples: layer 1, Centred\(\)"):
        q.hessian(*problem(p), batch=2)
    assert q.hessian(*problem(p), batch=5).dense().shape == (20, 20)


@pytest.mark.parametrize("given", [{"draws": 0}, {"draws": 1.5}, {"seed": -1}, {"seed": None}])
def test_draws_and_seed_of_a_sampled_fisher_are_whole_numbers(given: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"fisher: .*expected a whole number"):
        q.fisher(*problem(sized(3)), kind="sampled", **given)


@pytest.mark.parametrize("who", [*OF_A_LOSS, "ntk", "jacobian"])
def test_network_without_parameters_is_refused(who: str) -> None:
    p = point([bp.Tanh()], (4,), bp.SquaredError())
    of_parts = {"ntk": q.ntk, "jacobian": lambda *given: q.jacobian(*given, wrt="parameters")}
    ask, given = (of_parts[who], parts(p)) if who in of_parts else (OF_A_LOSS[who], problem(p))
    with pytest.raises(OptionError, match="the network has no parameters"):
        ask(*given)


@pytest.mark.parametrize("norm", [None, "a", 0, -1.0, float("inf"), float("nan")])
def test_norm_to_clip_to_is_a_positive_number(norm: Any) -> None:
    with pytest.raises(OptionError, match=r"clipped_gradient: max_norm=.*expected a number above 0"):
        q.clipped_gradient(*problem(sized(3)), norm)


def test_direction_in_the_parameters_is_parameters() -> None:
    p = sized(3)
    with pytest.raises(OptionError, match=r"dtheta is of type ndarray, expected Parameters, as theta.with_vector"):
        q.jvp(*parts(p), dtheta=np.ones(p.theta.layout.size))
