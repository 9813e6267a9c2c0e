"""Random networks, options, dtypes, array libraries."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproof as bp
from backproof import quantities as q
from backproof.errors import DtypeError, OptionError, ShapeError
from networks import draw_network
from oracles import agree
from quantity_oracles import CHECKS, parts, problem
from torch_networks import POINTS, Point, point

MAKERS: tuple[Any, ...] = (
    lambda n, m: bp.Linear(n, m),
    lambda n, m: bp.AugmentedLinear(n, m),
    lambda n, m: bp.Tanh(),
    lambda n, m: bp.GELU(),
    lambda n, m: bp.Softmax(),
    lambda n, m: bp.LayerNorm(n),
    lambda n, m: bp.RMSNorm(n),
    lambda n, m: bp.Residual([bp.Linear(n, m), bp.Sigmoid(), bp.Linear(m, n)]),
    lambda n, m: bp.Sum((bp.Linear(n, m), [bp.Linear(n, m), bp.Tanh()])),
    lambda n, m: bp.Product((bp.Linear(n, m), [bp.Linear(n, m), bp.Sine()])),
    lambda n, m: bp.Concatenate((bp.Tanh(), bp.Linear(n, m))),
    lambda n, m: bp.Shared([bp.Linear(n, n), bp.Tanh()], 2),
)


@st.composite
def random_points(draw: st.DrawFn) -> Point:
    n, seed = draw(st.integers(3, 5)), draw(st.integers(0, 99))
    places = draw(st.sampled_from([(), (2,)]))
    shape: tuple[int, ...] = (*places, n)
    layers: list[Any] = [bp.Linear(n, n)]
    for _ in range(draw(st.integers(1, 3))):
        layers.append(draw(st.sampled_from(MAKERS))(layers_out(layers, (*places, n)), draw(st.integers(3, 4))))
    if len(bp.Network(layers).output_shape(shape)) > 1:
        layers.append(bp.Flatten())
    return point(layers, shape, draw(st.sampled_from([bp.CrossEntropy(), bp.SquaredError()])), batch=3, seed=seed)


def layers_out(layers: list[Any], shape: tuple[int, ...]) -> int:
    return bp.Network(layers).output_shape(shape)[-1]


@pytest.mark.parametrize("check", [c for c in CHECKS if c != "check_interval"])
@given(drawn=random_points())
def test_quantity_of_a_random_network_is_what_torch_says(check: str, drawn: Point) -> None:
    before = dict(POINTS)
    POINTS["drawn"] = lambda: drawn
    try:
        CHECKS[check]("drawn")
    finally:
        POINTS.clear()
        POINTS.update(before)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_examples_gradients_of_any_layers_add_up_to_torchs_gradient(seed: int, depth: int) -> None:
    drawn = draw_network(seed, depth)
    if not drawn.theta.layout.size or type(drawn.loss).__name__ == "Huber":
        return
    found = q.per_example_gradients(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss)
    _, by_theta, _ = drawn.torch_gradient()
    scale = np.abs(found.vector()).max()
    assert np.abs(found.vector().mean(0) - by_theta).max() <= 1e-9 * scale
    agree(found.norms(), np.linalg.norm(found.vector(), axis=1), 1e-9, "norms")


@pytest.mark.parametrize("name", ["tanh", "norms", "residual", "places", "shared"])
def test_float32_stays_float32(name: str) -> None:
    p = POINTS[name]()
    theta, x = p.theta.astype("float32"), p.x.astype("float32")
    y = p.y.astype("float32") if p.y.dtype.kind == "f" else p.y
    at, of = (p.net, theta, x), (p.net, theta, x, y, p.loss)
    G = q.ggn(*of)
    results = [
        q.jacobian(*at).dense(), q.jacobian(*at, wrt="parameters").dense(), q.dense_jacobian(*at), q.ntk(*at),
        q.jvp(*at, x)[1], q.jacfwd(*at), q.per_example_norms(*of), q.clipped_gradient(*of, max_norm=1.0)[0].vector,
        q.gradient_statistics(*of).signal_to_noise.vector, G @ theta, G.diagonal(), G.block("0"),
        q.hvp(*of, theta), q.local_affine(*at).intercept, q.prediction_interval(*at, 0.1).deviation,
        q.fisher(*of, kind="sampled").diagonal(),
    ]  # fmt: skip
    assert {result.dtype for result in results} == {np.dtype("float32")}
    agree(G.diagonal(), q.ggn(*problem(p)).diagonal(), 1e-4, "diagonal")
    agree(q.ntk(*at), q.ntk(*parts(p)), 1e-4, "kernel")
    agree(q.jacobian(*at).dense(), q.jacobian(*parts(p)).dense(), 1e-4, "Jacobian")


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_other_libraries_give_the_same_numbers_in_their_own_arrays(library: str) -> None:
    import jax
    import torch

    convert: Any = torch.tensor if library == "torch" else jax.numpy.asarray
    p = POINTS["residual"]()
    p = Point(p.net, p.theta.astype("float32"), p.x.astype("float32"), p.y.astype("float32"), p.loss)
    theta, x, y = p.theta.with_vector(convert(p.theta.vector)), convert(p.x), convert(p.y)
    at, of = (p.net, theta, x), (p.net, theta, x, y, p.loss)
    ours_at, ours_of = parts(p), problem(p)
    pairs = {
        "jacobian": (q.jacobian(*at).dense(), q.jacobian(*ours_at).dense()),
        "parameters": (q.dense_jacobian(*at, "parameters", memory=9000), q.dense_jacobian(*ours_at, "parameters")),
        "norms": (q.per_example_norms(*of), q.per_example_norms(*ours_of)),
        "clipped": (q.clipped_gradient(*of, 0.5)[0].vector, q.clipped_gradient(*ours_of, 0.5)[0].vector),
        "ntk": (q.ntk(*at), q.ntk(*ours_at)),
        "ntk in blocks": (q.ntk(*at, block=2, kind="outputs"), q.ntk(*ours_at, kind="outputs")),
        "ggn @ v": (q.ggn(*of) @ theta, q.ggn(*ours_of) @ p.theta),
        "diagonal": (q.ggn(*of, batch=2).diagonal(), q.ggn(*ours_of).diagonal()),
        "jvp": (q.jvp(*at, x, theta)[1], q.jvp(*ours_at, p.x, p.theta)[1]),
        "slope": (q.local_affine(*at).slope, q.local_affine(*ours_at).slope),
    }
    for what, (theirs, ours) in pairs.items():
        assert type(theirs).__module__.split(".")[0].removesuffix("lib") == library, what
        agree(np.asarray(theirs), ours, 1e-4, what)
    with pytest.raises(DtypeError, match="hessian: theta is not a NumPy array"):
        q.hvp(*of, theta.vector)


def test_jacobian_names_what_it_cannot_find() -> None:
    p = POINTS["tanh"]()
    for wrt in (3, -1, (2, 2), (1, 9), (0, 1, 2), 1.5, None):
        with pytest.raises(OptionError, match=r"wrt=.*, expected 'input', 'parameters'.* 0 <= i < j <= 3"):
            q.jacobian(*parts(p), wrt=wrt)
    with pytest.raises(OptionError, match=r"unknown parameter or layer '0\.wait'\. Did you mean '0\.weight'"):
        q.jacobian(*parts(p), wrt="0.wait")
    with pytest.raises(OptionError, match="unknown parameter '7'"):
        q.jacobian(*parts(p), wrt="parameters")["7"]
    with pytest.raises(OptionError, match="a single factor"):
        q.jacobian(*parts(p), wrt=2).factored()
    with pytest.raises(OptionError, match=r"unknown kernel 'fall'\. Did you mean 'full'"):
        q.ntk(*parts(p), kind="fall")
    with pytest.raises(OptionError, match=r"max_norm=0, expected a number above 0"):
        q.clipped_gradient(*problem(p), max_norm=0)
    with pytest.raises(ShapeError, match="direction has shape"):
        q.jvp(*parts(p), dtheta=POINTS["relu"]().theta)


def test_wide_bottleneck_is_kept_as_two_thin_factors() -> None:
    net = bp.Network([bp.Linear(60, 3), bp.Tanh(), bp.Linear(3, 50)])
    theta, x = net.initialize(0, "float64"), np.random.default_rng(0).normal(size=(4, 60))
    left, right = q.jacobian(net, theta, x).factored()
    assert (left.shape, right.shape) == ((50, 3), (3, 60))
    agree(left.dense(x) @ right.dense(x), q.jacobian(net, theta, x).dense(), 1e-12, "product")


def test_parameter_blocks_of_affine_layers_stay_kronecker_products() -> None:
    J = q.jacobian(*parts(POINTS["tanh"]()), wrt="parameters")
    assert {name: J[name].structure for name in J.blocks} == {
        "0.weight": "kronecker", "0.bias": "dense", "2.weight": "kronecker", "2.bias": "dense",
    }  # fmt: skip


def test_statistics_where_all_examples_agree_have_no_variance() -> None:
    p = POINTS["tanh"]()
    x, y = np.repeat(p.x[:1], 4, axis=0), np.repeat(p.y[:1], 4)
    found = q.gradient_statistics(p.net, p.theta, x, y, p.loss)
    assert not found.variance.vector.any()
    assert np.isinf(found.signal_to_noise.vector).all()


def test_quantities_are_on_the_face_of_the_package() -> None:
    for name in ("jacobian", "dense_jacobian", "per_example_norms", "clipped_gradient", "ntk", "ggn", "fisher"):
        assert getattr(bp, name) is getattr(q, name)
    for name in ("hessian", "hvp", "spectrum", "local_affine", "prediction_interval", "jvp", "vjp", "linearize"):
        assert callable(getattr(bp, name))
        assert name in dir(bp)
