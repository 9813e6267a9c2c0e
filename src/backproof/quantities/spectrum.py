"""Gradient flow: singular values of every layer's Jacobian and of the products, layer by layer."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import OptionError, missing_extra
from ..network import Network
from ..operators import Operator, product_of
from ..parameters import Parameters
from .memory import itemsize, require_fit
from .points import linearized

__all__ = ["LayerSpectrum", "Spectrum", "spectrum"]

FULL_SIZE = 256
"""Matrices whose smaller side is at most this have all singular values computed."""
VANISHING, EXPLODING = 1e-3, 1e3


@dataclass(frozen=True)
class LayerSpectrum:
    """Singular values at one layer, over the examples.

    Attributes:
        index, label: the layer.
        shape: of its Jacobian A_l.
        own: singular values of A_l, (examples, k), descending.
        product: singular values of A_L ... A_l, (examples, k): what a gradient at the output becomes below this layer.
        complete: whether all singular values are there, or only the largest and, where found, the smallest.
    """

    index: int
    label: str
    shape: tuple[int, int]
    own: Any
    product: Any
    complete: bool

    @property
    def norm(self) -> float:
        """The mean over the examples of the largest singular value of A_l."""
        return float(self.own[:, 0].mean())

    @property
    def condition(self) -> float:
        """The geometric mean of largest over smallest singular value of A_l; infinite if A_l is singular."""
        smallest, largest = self.own[:, -1], self.own[:, 0]
        if (smallest <= largest * np.finfo(np.float64).eps * max(self.shape)).any():
            return math.inf
        return float(np.exp(np.log(largest / smallest).mean()))

    @property
    def gain(self) -> float:
        """The geometric mean over the examples of the root mean square singular value of A_L ... A_l."""
        rms = np.sqrt((self.product**2).mean(axis=1))
        return float(np.exp(np.log(np.maximum(rms, np.finfo(np.float64).tiny)).mean()))


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

    def __str__(self) -> str:
        head = f"{'layer':<28}{'A':>12}{'norm':>11}{'condition':>11}{'log-norm':>10}{'gain from output':>18}"
        rows = [
            f"{layer.index:>3} {layer.label:<24.24}{'{} x {}'.format(*layer.shape):>12}{layer.norm:>11.3g}"
            f"{layer.condition:>11.3g}{_log(layer.norm):>10.2f}{layer.gain:>18.3g}"
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


def _log(value: float) -> float:
    return math.log10(value) if value > 0 else -math.inf


def spectrum(net: Network, theta: Parameters, x: Array, *, count: int = 6) -> Spectrum:
    r"""Return the singular values of every A_l and of the partial products A_L ... A_l, for every example.

    Small matrices (smaller side up to 256) have all of them computed; of large ones the ``count`` largest are found by
    Lanczos on products, without making the matrix dense.

    Raises:
        CoupledBatchError: a layer couples the examples; the message names it.
        MissingExtraError: a large matrix needs SciPy.
    """
    if count < 1:
        raise OptionError(f"spectrum: count={count}, expected at least 1.")
    steps = list(linearized("spectrum", net, theta, x))
    layers, after = [], []
    for index in reversed(range(len(steps))):
        A = steps[index].A
        after.append(A)
        own, complete = _singular_values(A, x, count)
        product, _ = _singular_values(product_of(list(after)), x, count)
        layers.append(LayerSpectrum(index, net[index].label, A.shape, own, product, complete))
    return Spectrum(tuple(reversed(layers)))


def _singular_values(operator: Operator, x: Array, count: int) -> tuple[Any, bool]:
    """Return the singular values, (examples, k), descending, and whether they are all there."""
    if min(operator.shape) <= FULL_SIZE or count >= min(operator.shape) - 1:
        size = x.shape[0] * operator.shape[0] * operator.shape[1] * max(8, itemsize(x))
        require_fit("spectrum", f"{operator!r} dense", size, "take fewer examples")
        matrices = np.asarray(operator.dense(x), dtype=np.float64)
        values = np.linalg.svd(matrices, compute_uv=False)
        return np.broadcast_to(values, (x.shape[0], values.shape[-1])), True
    try:
        from scipy.sparse.linalg import svds
    except ImportError as error:
        raise missing_extra("spectrum of a large matrix", "scipy") from error
    examples = range(x.shape[0] if operator.batch is not None else 1)
    start = np.random.default_rng(0).standard_normal(min(operator.shape))
    rows = [np.sort(svds(operator.scipy(i), k=count, return_singular_vectors=False, v0=start))[::-1] for i in examples]
    return np.broadcast_to(np.array(rows), (x.shape[0], count)), False
