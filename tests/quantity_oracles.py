"""What every quantity must be, according to PyTorch; each check raises AssertionError."""

from typing import Any

import numpy as np

from backproof import quantities as q
from oracles import agree, per_example
from torch_networks import POINTS, Point

RTOL = 1e-9


def parts(p: Point) -> tuple[Any, ...]:
    """Return what most quantities take."""
    return p.net, p.theta, p.x


def problem(p: Point) -> tuple[Any, ...]:
    """Return what quantities of the loss take."""
    return p.net, p.theta, p.x, p.y, p.loss


def check_input_jacobian(name: str) -> None:
    """Dense, as products with vectors, factored, and between hidden states."""
    p = POINTS[name]()
    expected, J = p.input_jacobian(), q.jacobian(*parts(p))
    agree(J.dense(), expected, RTOL, "J")
    agree(J.dense(memory=10**9), expected, RTOL, "J under a memory limit")
    shaped = (len(p.x), *p.net.output_shape(p.x.shape[1:]), *p.x.shape[1:])
    agree(J.dense(shaped=True), expected.reshape(shaped), RTOL, "J in shape")
    g = np.random.default_rng(1)
    v, u = g.normal(size=expected[:, 0].shape), g.normal(size=expected[:, :, 0].shape)
    agree(J @ v, np.einsum("bij,bj->bi", expected, v), RTOL, "J @ v")
    agree(u @ J, np.einsum("bi,bij->bj", u, expected), RTOL, "u @ J")
    agree(J.scipy(-1) @ v[-1], expected[-1] @ v[-1], RTOL, "J.scipy(-1) @ v")
    agree(J.scipy(0).T @ u[0], u[0] @ expected[0], RTOL, "J.scipy(0).T @ u")
    agree(per_example(J.transpose(), len(p.x), p.x), expected.swapaxes(1, 2), RTOL, "J transposed")
    left, right = (per_example(side, len(p.x), p.x) for side in J.factored())
    agree(left @ right, expected, RTOL, "left @ right")
    each = max(8 * expected[0].size, q.jacobian(p.net, p.theta, p.x[:1]).plan.largest)
    # Memory that is given back may hold the right numbers from before.
    out = np.full(expected.shape, np.nan)
    agree(q.dense_jacobian(*parts(p), memory=2 * each, out=out), expected, RTOL, "J in chunks")
    middle = len(p.net) // 2
    upper, lower = q.jacobian(*parts(p), wrt=middle), q.jacobian(*parts(p), wrt=(0, middle))
    agree(upper.dense() @ lower.dense(), expected, RTOL, "upper @ lower")


def check_parameter_jacobian(name: str) -> None:
    """All blocks, each block, those of a layer, and products with vectors."""
    p = POINTS[name]()
    expected, J = p.parameter_jacobian(), q.jacobian(*parts(p), wrt="parameters")
    agree(J.dense(), expected, RTOL, "J")
    for block, where in p.theta.layout.slices.items():
        agree(q.jacobian(*parts(p), wrt=block).dense(), expected[:, :, where], RTOL, block)
        dense = np.broadcast_to(J[block].dense(p.x), expected[:, :, where].shape)
        agree(dense, expected[:, :, where], RTOL, f"J[{block!r}]")
    slices = [where for n, where in p.theta.layout.slices.items() if n.startswith("0.")]
    layer = np.concatenate([expected[:, :, where] for where in slices], axis=2)
    agree(q.jacobian(*parts(p), wrt="0").dense(), layer, RTOL, "J of layer 0")
    g = np.random.default_rng(1)
    v, u = g.normal(size=(len(p.x), expected.shape[2])), g.normal(size=expected[:, :, 0].shape)
    agree(J @ v, np.einsum("bij,bj->bi", expected, v), RTOL, "J @ v")
    agree(u @ J, np.einsum("bi,bij->bj", u, expected), RTOL, "u @ J")
    agree(J.scipy(0) @ v[0], expected[0] @ v[0], RTOL, "J.scipy(0) @ v")
    chunked = q.dense_jacobian(*parts(p), wrt="parameters", memory=2 * 8 * expected[0].size)
    agree(chunked, expected, RTOL, "J in chunks")


def check_transforms(name: str) -> None:
    """jvp, vjp, linearize, jacrev and jacfwd."""
    p, g = POINTS[name](), np.random.default_rng(2)
    J, B = p.input_jacobian(), p.parameter_jacobian()
    shape = (len(p.x), *p.net.output_shape(p.x.shape[1:]))
    dx, dtheta = g.normal(size=p.x.shape), p.theta.with_vector(g.normal(size=p.theta.vector.shape))
    by_x = np.einsum("bij,bj->bi", J, dx.reshape(len(dx), -1)).reshape(shape)
    by_theta = (B @ dtheta.vector).reshape(shape)
    y = p.net.forward(p.theta, p.x)
    for (came, moved), expected in (
        (q.jvp(*parts(p), dx), by_x),
        (q.jvp(*parts(p), dtheta=dtheta), by_theta),
        (q.jvp(*parts(p), dx, dtheta), by_x + by_theta),
        (q.jvp(*parts(p)), 0 * y),
    ):
        agree(came, y, RTOL, "y")
        agree(moved, expected, RTOL, "jvp")
    value, linear = q.linearize(*parts(p))
    agree(value, y, RTOL, "y")
    agree(linear(dx, dtheta), by_x + by_theta, RTOL, "linearize")
    u = g.normal(size=shape)
    value, pullback = q.vjp(*parts(p))
    back, gradient = pullback(u)
    flat = u.reshape(len(u), -1)
    agree(back, np.einsum("bi,bij->bj", flat, J).reshape(p.x.shape), RTOL, "vjp in x")
    agree(gradient.vector, np.einsum("bi,bij->j", flat, B), RTOL, "vjp in theta")
    full = J.reshape(*shape, *p.x.shape[1:])
    agree(q.jacrev(*parts(p)), full, RTOL, "jacrev")
    agree(q.jacfwd(*parts(p)), full, RTOL, "jacfwd")


def check_examples(name: str) -> None:
    """Gradients of the examples, norms, clipped sums and statistics."""
    p = POINTS[name]()
    expected = p.gradients()
    norms = np.linalg.norm(expected, axis=1)
    gradients = q.per_example_gradients(*problem(p))
    agree(gradients.vector(), expected, RTOL, "gradients")
    for block, where in p.theta.layout.slices.items():
        shape = (len(p.x), *p.theta.layout.shapes[block])
        agree(gradients[block], expected[:, where].reshape(shape), RTOL, block)
    agree(q.per_example_norms(*problem(p)), norms, RTOL, "norms")
    bound = float(np.median(norms))
    clipped, came = q.clipped_gradient(*problem(p), max_norm=bound)
    agree(came, norms, RTOL, "norms beside the clipped sum")
    agree(clipped.vector, (expected * np.minimum(1, bound / norms)[:, None]).sum(0), RTOL, "clipped sum")
    statistics = q.gradient_statistics(*problem(p))
    agree(statistics.mean.vector, expected.mean(0), RTOL, "mean")
    agree(statistics.variance.vector, expected.var(0), RTOL, "variance")
    varied = expected.var(0) > 1e-6 * expected.var(0).max(initial=0)
    ratio = expected.mean(0)[varied] ** 2 / expected.var(0)[varied]
    agree(statistics.signal_to_noise.vector[varied], ratio, 1e-7, "signal to noise")


def check_ntk(name: str) -> None:
    """Full, per output and traced; one set and two; in one piece and in blocks."""
    p = POINTS[name]()
    B = p.parameter_jacobian()
    kernel = np.einsum("aip,bjp->abij", B, B)
    diagonals = np.einsum("abii->abi", kernel)
    expected = {"full": kernel, "outputs": diagonals, "trace": diagonals.sum(-1)}
    first, second = p.x[:3], p.x[1:] if len(p.x) > 1 else p.x
    skipped = slice(1, None) if len(p.x) > 1 else slice(None)
    for kind, whole in expected.items():
        for block in (256, 2):
            agree(q.ntk(*parts(p), kind=kind, block=block), whole, RTOL, f"{kind}, blocks of {block}")
            pair = q.ntk(p.net, p.theta, first, second, kind=kind, block=block)
            agree(pair, whole[:3, skipped], RTOL, f"{kind} of two sets, blocks of {block}")


def check_curvature(name: str) -> None:
    """The Gauss-Newton matrix and the true Fisher matrix in all their parts."""
    p = POINTS[name]()
    B, H = p.parameter_jacobian(), p.output_hessians()
    expected = np.einsum("bip,bij,bjq->pq", B, H, B) / len(p.x)
    matrices = [q.ggn(*problem(p)), q.ggn(*problem(p), batch=2)]
    if p.loss.likelihood:
        matrices.append(q.fisher(*problem(p)))
    for matrix in matrices:
        check_matrix(matrix, expected, p)


def check_empirical_fisher(name: str) -> None:
    """The mean of the outer products of the examples' gradients."""
    p = POINTS[name]()
    if p.loss.likelihood:
        g = p.gradients()
        check_matrix(q.fisher(*problem(p), kind="empirical", batch=2), g.T @ g / len(g), p)


def check_matrix(matrix: Any, expected: Any, p: Point) -> None:
    """Assert that products, diagonal, trace, blocks and eigenvalues are those of the expected matrix."""
    who, size = matrix.name, len(expected)
    v = np.random.default_rng(3).normal(size=(size, 2))
    agree(matrix @ v[:, 0], expected @ v[:, 0], RTOL, f"{who} @ v")
    agree(matrix @ v, expected @ v, RTOL, f"{who} @ V")
    agree(matrix.scipy() @ v[:, 1], expected @ v[:, 1], RTOL, f"{who}.scipy() @ v")
    agree(matrix.diagonal(), expected.diagonal(), RTOL, f"{who}.diagonal()")
    agree(matrix.trace(), expected.trace(), RTOL, f"{who}.trace()")
    for name, where in p.theta.layout.slices.items():
        agree(matrix.block(name), expected[where, where], RTOL * 10, f"{who}.block({name})")
    top = np.linalg.eigvalsh(expected)[::-1]
    agree(matrix.eigenvalues(3), top[:3], RTOL, f"{who}.eigenvalues(3)")


def check_hessian(name: str) -> None:
    """Products, the dense matrix, diagonal, blocks and eigenvalues."""
    p = POINTS[name]()
    expected, H = p.hessian(), q.hessian(*problem(p), batch=2)
    v = np.random.default_rng(4).normal(size=(len(expected), 2))
    agree(q.hvp(*problem(p), v[:, 0]), expected @ v[:, 0], RTOL, "hvp")
    agree(H @ v, expected @ v, RTOL, "H @ V")
    agree(H.scipy() @ v[:, 0], expected @ v[:, 0], RTOL, "H.scipy() @ v")
    agree(H.dense(), expected, RTOL, "H")
    agree(H.diagonal(), expected.diagonal(), RTOL, "diagonal")
    agree(np.array([H.trace()]), np.array([expected.trace()]), 1e-8, "trace")
    for block, where in p.theta.layout.slices.items():
        agree(H.block(block), expected[where, where], RTOL * 10, block)
    values = np.linalg.eigvalsh(expected)[::-1]
    agree(H.eigenvalues(2), values[:2], 1e-8, "largest eigenvalues")
    agree(H.eigenvalues(2, which="SA"), values[-2:], 1e-8 * abs(values).max() / abs(values[-2:]).max(), "smallest")


def check_spectrum(name: str) -> None:
    """Singular values of every layer and of the products from the output down."""
    p = POINTS[name]()
    found, count = q.spectrum(*parts(p)), len(p.net)
    assert [layer.index for layer in found.layers] == list(range(count))
    for layer in found.layers:
        own = np.asarray(q.jacobian(*parts(p), wrt=(layer.index, layer.index + 1)).dense())
        product = np.asarray(q.jacobian(*parts(p), wrt=layer.index).dense())
        agree(layer.own, np.linalg.svd(own, compute_uv=False), 1e-12, f"layer {layer.index}")
        agree(layer.product, np.linalg.svd(product, compute_uv=False), 1e-12, f"product from layer {layer.index}")
    agree(found.layers[0].product, np.linalg.svd(p.input_jacobian(), compute_uv=False), RTOL, "whole network")


def check_local(name: str) -> None:
    """The local affine map: slope, intercept, and the value at the example."""
    p = POINTS[name]()
    slope = p.input_jacobian()
    y, rows = p.net.forward(p.theta, p.x).reshape(len(p.x), -1), p.x.reshape(len(p.x), -1)
    found = q.local_affine(*parts(p))
    agree(found.slope, slope, RTOL, "slope")
    agree(found.intercept, y - np.einsum("bij,bj->bi", slope, rows), RTOL, "intercept")
    agree(found(p.x), y, RTOL, "value")


def check_interval(name: str) -> None:
    """The delta method with every form of covariance."""
    p, g = POINTS[name](), np.random.default_rng(5)
    B, size = p.parameter_jacobian(), p.theta.layout.size
    root = g.normal(size=(size, size)) / size
    full, diagonal = root @ root.T, g.random(size)
    for covariance, matrix in (
        (0.3, 0.3 * np.eye(size)),
        (diagonal, np.diag(diagonal)),
        (full, full),
        (lambda columns: full @ columns, full),
    ):
        variance = np.einsum("bip,pq,biq->bi", B, matrix, B) + 0.2**2
        found = q.prediction_interval(*parts(p), covariance, noise=0.2)
        agree(found.deviation, np.sqrt(variance), RTOL, "deviation")
        agree(found.upper - found.lower, 2 * 1.96 * np.sqrt(variance), RTOL, "width")
        agree(found.mean, p.net.forward(p.theta, p.x).reshape(len(p.x), -1), RTOL, "mean")


CHECKS = {
    check.__name__: check
    for check in (
        check_input_jacobian, check_parameter_jacobian, check_transforms, check_examples, check_ntk, check_curvature,
        check_empirical_fisher, check_hessian, check_spectrum, check_local, check_interval,
    )
}  # fmt: skip
"""Every check by its name; each takes the name of a point."""
