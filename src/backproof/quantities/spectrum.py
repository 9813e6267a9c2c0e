"""Gradient flow: singular values of every layer's Jacobian and of the products, layer by layer."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, eye, to_numpy
from ..errors import ShapeError, missing_extra
from ..network import Network
from ..operators import Diagonal, Operator, product_of
from ..options import check_whole
from ..parameters import Parameters
from .memory import itemsize, require_fit
from .points import linearized

__all__ = ["LayerSpectrum", "Spectrum", "spectrum"]

FULL_SIZE = 1024
"""All singular values are computed of matrices for which that costs no more than for a square one of this size, or
whose smaller side is at most a quarter of it."""
ROWS = 64
"""Rows that pass a large product at a time when its Frobenius norm is taken."""
VANISHING, EXPLODING = 1e-3, 1e3


@dataclass(frozen=True)
class LayerSpectrum:
    """Singular values at one layer, over the examples.

    Attributes:
        index, label: the layer.
        shape: of its Jacobian A_l.
        own: singular values of A_l, (examples, k), descending.
        product: singular values of A_L ... A_l, (examples, k): what a gradient at the output becomes below this layer.
        complete: whether ``own`` has all singular values, or only the largest.
        product_complete: the same of ``product``.
        rms: root mean square of all singular values of A_L ... A_l, (examples,), exact in either case.
    """

    index: int
    label: str
    shape: tuple[int, int]
    own: Any
    product: Any
    complete: bool
    product_complete: bool
    rms: Any

    @property
    def norm(self) -> float:
        """The mean over the examples of the largest singular value of A_l."""
        return float(self.own[:, 0].mean())

    @property
    def condition(self) -> float:
        """The geometric mean of largest over smallest singular value of A_l.

        Infinite if A_l is singular; nan, shown as "-", where the smallest was not computed.
        """
        if not self.complete:
            return math.nan
        smallest, largest = self.own[:, -1], self.own[:, 0]
        if (smallest <= largest * np.finfo(np.float64).eps * max(self.shape)).any():
            return math.inf
        return float(np.exp(np.log(largest / smallest).mean()))

    @property
    def gain(self) -> float:
        """The geometric mean over the examples of the root mean square singular value of A_L ... A_l."""
        return float(np.exp(np.log(np.maximum(self.rms, np.finfo(np.float64).tiny)).mean()))


@dataclass(frozen=True)
class Spectrum:
    """The singular values of a network, layer by layer, and what they mean in words.

    Attributes:
        layers: from the first to the last.
    """

    layers: tuple[LayerSpectrum, ...]

    def verdict(self) -> str:
        """Return in words whether and where gradients vanish or explode."""
        gains = [layer.gain for layer in self.layers]
        low = [layer for layer in self.layers if layer.gain < VANISHING]
        high = [layer for layer in self.layers if layer.gain > EXPLODING]
        words = []
        if low:
            words.append(_flow("vanish", "shrink below", VANISHING, low[-1], min(low, key=lambda layer: layer.gain)))
        if high:
            words.append(_flow("explode", "grow beyond", EXPLODING, high[-1], max(high, key=lambda layer: layer.gain)))
        dead = [layer for layer in self.layers if layer.norm == 0]
        words += [f"Layer {layer.index} ({layer.label}) passes nothing on: its Jacobian is 0." for layer in dead]
        if not words:
            words.append(
                f"Gradients pass: from the output to the first layer they change by a factor of {gains[0]:.2g}."
            )
        return " ".join(words)

    def _repr_html_(self) -> str:
        from .showing import spectrum_html

        return spectrum_html(self)

    def __str__(self) -> str:
        head = f"{'layer':<28}{'A':>12}{'norm':>11}{'condition':>11}{'log-norm':>10}{'gain from output':>18}"
        rows = [
            f"{layer.index:>3} {layer.label:<24.24}{'{} x {}'.format(*layer.shape):>12}{layer.norm:>11.3g}"
            f"{_number(layer.condition):>11}{_log(layer.norm):>10.2f}{layer.gain:>18.3g}"
            for layer in self.layers
        ]
        return "\n".join([head, *rows, "", self.verdict()])

    def plot(self, path: Any = None) -> Any:
        """Draw the range of singular values of A_l and of the products, layer by layer; save to ``path`` if given.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise missing_extra("Spectrum.plot", "plots") from error
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        places = [layer.index for layer in self.layers]
        for name, colour in (("own", "tab:blue"), ("product", "tab:red")):
            values = [np.maximum(getattr(layer, name), 1e-30) for layer in self.layers]
            axes.fill_between(places, [v.min() for v in values], [v.max() for v in values], alpha=0.2, color=colour)
            label = "A of the layer" if name == "own" else "from the output down to the layer"
            axes.plot(places, [np.exp(np.log(v).mean()) for v in values], "o-", color=colour, label=label)
        axes.set(yscale="log", xlabel="layer", ylabel="singular values (range and geometric mean)")
        axes.legend()
        if path is not None:
            figure.savefig(path)
        return figure


def _flow(what: str, how: str, bound: float, first: LayerSpectrum, worst: LayerSpectrum) -> str:
    return (
        f"Gradients {what}: on their way from the output they {how} {bound:g} at layer {first.index} ({first.label}), "
        f"and reach layer {worst.index} changed by a factor of {worst.gain:.1e}."
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"


def _log(value: float) -> float:
    return math.log10(value) if value > 0 else -math.inf


def spectrum(net: Network, theta: Parameters, x: Array, *, count: int = 6) -> Spectrum:
    r"""Return the singular values of every A_l and of the partial products A_L ... A_l, for every example.

    Of diagonal matrices, of those whose smaller side is up to 256, and of those for which it costs no more than of one
    1024 x 1024, all are computed; of larger ones the ``count`` largest are found by Lanczos on products, without
    making the matrix dense. Of those the condition is not known; the gain is, by the Frobenius norm:

    Math:
        gain = ||A_L ... A_l||_F / sqrt(k),   k = min(shape)

    Raises:
        OptionError: ``count`` is not a whole number of at least 1.
        ShapeError: there are no examples.
        CoupledBatchError: a layer couples the examples; the message names it.
        MissingExtraError: a large matrix needs SciPy.
    """
    count = check_whole("spectrum", "count", count, 1)
    steps = list(linearized("spectrum", net, theta, x))
    if x.shape[0] == 0:
        raise ShapeError(f"spectrum: x has shape {tuple(x.shape)}, no examples; expected at least one.")
    layers, after = [], []
    for index in reversed(range(len(steps))):
        A = steps[index].A
        after.append(A)
        own, complete = _singular_values(A, x, count)
        whole = product_of(list(after))
        product, product_complete = _singular_values(whole, x, count)
        rms = np.sqrt((product**2).mean(axis=1)) if product_complete else _root_mean_square(whole, x)
        layers.append(LayerSpectrum(index, net[index].label, A.shape, own, product, complete, product_complete, rms))
    return Spectrum(tuple(reversed(layers)))


def _is_small(operator: Operator) -> bool:
    """Return whether all singular values are affordable."""
    short, long = sorted(operator.shape)
    return short <= FULL_SIZE // 4 or short**2 * long <= FULL_SIZE**3


def _singular_values(operator: Operator, x: Array, count: int) -> tuple[Any, bool]:
    """Return the singular values, (examples, k), descending, and whether they are all there."""
    if isinstance(operator, Diagonal):
        entries = np.sort(np.abs(to_numpy(operator.diagonal).astype(np.float64)), axis=-1)[..., ::-1]
        return np.broadcast_to(entries, (x.shape[0], operator.shape[0])), True
    different = 1 if operator.batch is None else x.shape[0]
    if _is_small(operator) or count >= min(operator.shape) - 1:
        size = different * operator.shape[0] * operator.shape[1] * max(8, itemsize(x))
        require_fit("spectrum", f"{operator!r} dense", size, "take fewer examples")
        matrices = to_numpy(operator.dense(x)).astype(np.float64)
        values = np.linalg.svd(matrices, compute_uv=False)
        return np.broadcast_to(values, (x.shape[0], values.shape[-1])), True
    try:
        from scipy.sparse.linalg import svds
    except ImportError as error:
        raise missing_extra("spectrum of a large matrix", "scipy") from error
    start = np.random.default_rng(0).standard_normal(min(operator.shape))
    rows = [
        np.sort(svds(operator.scipy(i), k=count, return_singular_vectors=False, v0=start))[::-1]
        for i in range(different)
    ]
    return np.broadcast_to(np.array(rows), (x.shape[0], count)), False


def _root_mean_square(operator: Operator, x: Array) -> Any:
    """Return ||J||_F / sqrt(k) for every example, (examples,), from the rows of the smaller side, some at a time."""
    narrow = operator if operator.shape[0] <= operator.shape[1] else operator.transpose()
    identity, squares = eye(narrow.shape[0], x), np.zeros(1)
    for start in range(0, narrow.shape[0], ROWS):
        rows = to_numpy(narrow.pull(identity[None, start : start + ROWS, :])).astype(np.float64)
        squares = squares + (rows**2).sum(axis=(1, 2))
    return np.broadcast_to(np.sqrt(squares / narrow.shape[0]), (x.shape[0],))
