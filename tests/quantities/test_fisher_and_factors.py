"""Fisher matrices by their definitions, and Kronecker factors."""

import itertools
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof import quantities as q
from backproof.errors import OptionError, ShapeError
from oracles import agree
from quantity_oracles import problem
from torch_networks import POINTS, Point, point


def dense(matrix: Any) -> Any:
    return matrix @ np.eye(matrix.shape[0], dtype=matrix.dtype)


def scores(p: Point, y: Any) -> Any:
    """Return the gradients of the examples for targets y, (batch, P), by PyTorch."""
    return Point(p.net, p.theta, p.x, y, p.loss).gradients()


def test_true_fisher_of_classes_is_the_expected_outer_product_of_scores() -> None:
    p = POINTS["tanh"]()
    z = p.net.forward(p.theta, p.x)
    s = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    expected = 0.0
    for c in range(3):
        g = scores(p, np.full(len(p.x), c))
        expected = expected + np.einsum("b,bp,bq->pq", s[:, c], g, g) / len(p.x)
    agree(dense(q.fisher(*problem(p))), expected, 1e-9, "Fisher")


def test_true_fisher_of_binary_outcomes_is_the_expected_outer_product_of_scores() -> None:
    p = POINTS["residual"]()
    chance = 1 / (1 + np.exp(-p.net.forward(p.theta, p.x)))
    expected = 0.0
    for outcome in itertools.product((0.0, 1.0), repeat=2):
        weight = np.prod(np.where(np.array(outcome) > 0, chance, 1 - chance), axis=1)
        g = scores(p, np.broadcast_to(np.array(outcome), (len(p.x), 2)).copy())
        expected = expected + np.einsum("b,bp,bq->pq", weight, g, g) / len(p.x)
    agree(dense(q.fisher(*problem(p))), expected, 1e-9, "Fisher")


@pytest.mark.parametrize("name", ["tanh", "residual", "one output", "shared"])
def test_sampled_fisher_tends_to_the_true_one_and_is_the_same_in_every_product(name: str) -> None:
    p = POINTS[name]()
    sampled = q.fisher(*problem(p), kind="sampled", draws=4000, seed=1)
    first = dense(sampled)
    np.testing.assert_array_equal(dense(sampled), first)
    agree(np.diagonal(first), sampled.diagonal(), 1e-9, "diagonal")
    true = dense(q.fisher(*problem(p)))
    assert np.linalg.norm(first - true) < 0.1 * np.linalg.norm(true)
    other = dense(q.fisher(*problem(p), kind="sampled", draws=4000, seed=2))
    assert not np.array_equal(other, first)


def test_kronecker_factors_of_a_linear_model_give_its_gauss_newton_matrix_exactly() -> None:
    p = point([bp.Linear(4, 3)], (4,), bp.SquaredError(), batch=6)
    G, A = q.ggn(*problem(p), batch=4).kfac()["0"]
    block = np.kron(G, A).reshape(3, 5, 3, 5)
    expected = q.ggn(*problem(p)).block("0")
    weight = block[:, :4, :, :4].reshape(12, 12)
    agree(weight, expected[:12, :12], 1e-12, "weight")
    agree(block[:, 4, :, 4], expected[12:, 12:], 1e-12, "bias")
    agree(block[:, :4, :, 4].reshape(12, 3), expected[:12, 12:], 1e-12, "weight with bias")


def test_kronecker_factors_are_the_means_that_their_docstring_says() -> None:
    p = POINTS["tanh"]()
    factors = q.ggn(*problem(p), batch=2).kfac()
    assert list(factors) == ["2", "0"] or list(factors) == ["0", "2"]
    H, count = p.output_hessians(), len(p.x)
    states = [p.x, np.tanh(p.x @ p.theta["0.weight"].T + p.theta["0.bias"])]
    for layer, x in zip(("0", "2"), states, strict=True):
        J = q.jacobian(p.net, p.theta, p.x, wrt=1).dense() if layer == "0" else np.broadcast_to(np.eye(3), H.shape)
        G = np.einsum("bia,bij,bjc->ac", J, H, J)
        ones = np.concatenate([x, np.ones((count, 1))], axis=1)
        agree(factors[layer][0], G / count, 1e-9, f"G of layer {layer}")
        agree(factors[layer][1], ones.T @ ones / count, 1e-12, f"A of layer {layer}")


def test_sum_is_batch_size_times_the_mean() -> None:
    p = POINTS["tanh"]()
    total = q.ggn(p.net, p.theta, p.x, p.y, bp.CrossEntropy(reduction="sum"))
    agree(total.diagonal(), len(p.x) * q.ggn(*problem(p)).diagonal(), 1e-12, "diagonal")


def test_layer_block_is_weight_and_bias_together() -> None:
    p = POINTS["tanh"]()
    G = q.ggn(*problem(p))
    agree(G.block("0"), dense(G)[:25, :25], 1e-12, "block of layer 0")
    agree(q.hessian(*problem(p)).block("0"), q.hessian(*problem(p)).dense()[:25, :25], 1e-12, "of the Hessian")


def test_large_matrices_use_lanczos_and_agree_with_the_dense_ones() -> None:
    p = point([bp.Linear(6, 9), bp.Tanh(), bp.Linear(9, 3)], (6,), bp.CrossEntropy(), batch=9)
    for matrix in (q.ggn(*problem(p)), q.hessian(*problem(p))):
        assert matrix.shape[0] > 64
        values = np.linalg.eigvalsh(dense(matrix))[::-1]
        agree(matrix.eigenvalues(4), values[:4], 1e-9, "largest")
    agree(q.hessian(*problem(p)).eigenvalues(3, which="SA"), values[-3:], 1e-8, "smallest")


@pytest.mark.parametrize("width", [3, 9])
def test_eigenvalues_of_a_torch_network_are_taken_by_torch(width: int) -> None:
    torch = pytest.importorskip("torch")
    net = bp.Network([bp.Linear(6, width), bp.Tanh(), bp.Linear(width, 3)])
    theta, x = net.initialize(0, like=torch.zeros(1)), torch.linspace(-1, 1, 24).reshape(4, 6)
    values = q.ggn(net, theta, x, torch.tensor([0, 1, 2, 0]), bp.CrossEntropy()).eigenvalues(3)
    assert torch.as_tensor(values).tolist() == values.tolist() == sorted(values.tolist(), reverse=True)


def test_what_cannot_be_asked_is_refused() -> None:
    p = POINTS["huber"]()
    net, theta, x, y, loss = problem(p)
    with pytest.raises(OptionError, match="Huber is not a negative log-likelihood; use ggn"):
        q.fisher(net, theta, x, y, loss)
    with pytest.raises(OptionError, match=r"unknown kind of Fisher matrix 'tru'\. Did you mean 'true'"):
        q.fisher(net, theta, x, y, bp.SquaredError(), kind="tru")
    with pytest.raises(OptionError, match=r"unknown parameter or layer '0\.wieght'\. Did you mean '0\.weight'"):
        q.ggn(net, theta, x, y, loss).block("0.wieght")
    with pytest.raises(OptionError, match="count=0, expected 1 to"):
        q.ggn(net, theta, x, y, loss).eigenvalues(0)
    with pytest.raises(OptionError, match="which='SM', expected 'LA'"):
        q.hessian(net, theta, x, y, loss).eigenvalues(2, which="SM")
    with pytest.raises(OptionError, match="batch=0"):
        q.ggn(net, theta, x, y, loss, batch=0)
    for matrix in (q.ggn(net, theta, x, y, loss), q.hessian(net, theta, x, y, loss)):
        with pytest.raises(ShapeError, match=r"got shape \(3,\), expected \(26,\) or \(26, k\)"):
            matrix @ np.ones(3)
