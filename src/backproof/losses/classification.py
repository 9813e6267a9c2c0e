"""Losses of class labels and probabilities, taken on logits."""

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Array, beside, detached, dtype_name, eye, flatten, in_library_of, is_numpy, namespace, to_numpy
from ..errors import ShapeError
from ..functions import log_softmax, reciprocal, shift, sigmoid, softmax, softplus, total
from ..operators import Diagonal, LowRankUpdate, Operator
from ..options import settle_number
from .base import Loss, real_targets, refuse_targets


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    r"""Cross-entropy on logits: ``- sum_j t_j log softmax(z)_j``.

    Math:
        delta = s - t     with s = softmax(z) and sum t = 1
        Hessian = diag(s) - s s^T

    Targets are class indices, (batch,) integers, or distributions, (batch, n). ``smoothing`` e replaces t by
    (1 - e) t + e / n, as PyTorch's ``label_smoothing`` does. PyTorch's ``CrossEntropyLoss`` is the same for both
    kinds of targets, mean and sum; its ``weight`` is per class, ours per example.

    Shapes:
        z: (batch, n)
        y: (batch,) indices or (batch, n) distributions
        delta: (batch, n)

    Raises:
        DataError: an index is not in [0, n), or a distribution has a negative, infinite or NaN entry; the message
            names the example.
        ShapeError: the targets fit neither form, or the outputs have more than one axis.

    Source: docs/mathematics.md, "Losses".
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        settle_number(self, "smoothing", low=0, high=1)

    def _rows(self, z: Array) -> Array:
        if z.ndim > 2:
            came = ", ".join(["batch", *map(str, z.shape[1:])])
            raise ShapeError(
                f"CrossEntropy: outputs have shape ({came}), expected (batch, n), one distribution for every example; "
                f"for one at every place make places examples, as in x.reshape(-1, n), or end with Flatten()."
            )
        return flatten(detached(z))

    def _targets(self, z: Array, y: Array) -> Array:
        y = beside(y, z, "CrossEntropy: targets", "outputs")
        if y.ndim == 1 and "int" in dtype_name(y):
            t = self._one_hot(z, y)
        elif y.ndim == 1:
            raise ShapeError(
                f"CrossEntropy: targets have shape {tuple(y.shape)} and dtype {dtype_name(y)}, expected class indices "
                f"({z.shape[0]},) as integers or distributions {tuple(z.shape)}."
            )
        else:
            t = real_targets("CrossEntropy", z, y)
            refuse_targets("CrossEntropy", t, ~((t >= 0) & (t < math.inf)), "a share of at least 0")
        if self.smoothing == 0:
            return t
        # 1 of the kind of z: for exact numbers 1 - e and e / n are not rounded.
        one = reciprocal(1, z)
        return (one - self.smoothing) * t + one * self.smoothing / z.shape[1]

    @staticmethod
    def _one_hot(z: Array, y: Array) -> Array:
        xp, (batch, n) = namespace(z), z.shape
        if y.shape[0] != batch:
            raise ShapeError(f"CrossEntropy: {y.shape[0]} class indices came for {batch} outputs, expected one each.")
        index = _wide(y, n)
        refuse_targets("CrossEntropy", y, (index < 0) | (index >= n), f"0 to {n - 1} for {n} outputs")
        if not is_numpy(z):
            classes = xp.arange(n, dtype=index.dtype, device=getattr(z, "device", None))
            return xp.astype(index[:, None] == classes, z.dtype)
        one_hot = np.zeros((batch, n), z.dtype)
        one_hot[np.arange(batch), y] = 1
        return one_hot

    def _losses(self, z: Array, t: Array) -> Array:
        return -total(t * log_softmax(z))[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        return softmax(z) * total(t) - t

    def _both(self, z: Array, t: Array) -> tuple[Array, Array]:
        # log s = shifted - log(sum e) and s = e / sum e: one exponential serves both.
        xp, shifted = namespace(z), shift(z)
        e = xp.exp(shifted)
        sums, mass = total(e), total(t)
        losses = xp.log(sums) * mass - total(t * shifted)
        return losses[:, 0], e * (mass / sums) - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        s = softmax(z)
        weighted = s * (total(t) * factor)
        return LowRankUpdate(Diagonal(weighted), -weighted[:, :, None], s[:, :, None])

    def _hessian_rows(self, z: Array, t: Array, factor: Array) -> Array:
        # With r = sqrt s, (diag(r) - s r^T)(diag(r) - r s^T) = diag(s) - s s^T, since r^T r = 1.
        xp, s = namespace(z), softmax(z)
        r = xp.sqrt(s)
        rows = r[:, :, None] * (eye(z.shape[1], z)[None, :, :] - s[:, None, :])
        return rows * xp.sqrt(total(t) * factor)[:, :, None]

    def prediction(self, z: Array) -> Array:
        """Return the probabilities of the classes, softmax(z), (batch, n)."""
        return softmax(flatten(z))

    def sample(self, z: Array, generator: np.random.Generator) -> Array:
        """Return class indices drawn from softmax(z), (batch,)."""
        steps = np.cumsum(to_numpy(softmax(flatten(z))), axis=1)
        drawn = (generator.random((z.shape[0], 1)) * steps[:, -1:] > steps).sum(axis=1)
        return in_library_of(z, drawn)


def _wide(y: Array, n: int) -> Array:
    """Return class indices in a dtype that holds n as well: in a narrower one, n would be another number."""
    if is_numpy(y):
        return y  # NumPy compares with any number.
    name, xp = dtype_name(y), namespace(y)
    bits, unsigned = int(name.partition("int")[2]), name.startswith("u")
    # PyTorch cannot compare its wide unsigned integers; those beyond int32 become negative, and are refused.
    if n < 2 ** (bits - (not unsigned)) and not (unsigned and bits > 8):
        return y
    return xp.astype(y, xp.int64 if bits == 64 else xp.int32)


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss):
    r"""Binary cross-entropy on logits, summed over the outputs: ``sum_j softplus(z_j) - y_j z_j``.

    Math:
        delta = sigmoid(z) - y
        Hessian = diag(s (1 - s)),   s = sigmoid(z)

    PyTorch's ``BCEWithLogitsLoss`` takes the mean over the outputs as well: ours is n times it for n outputs.

    Shapes:
        z: (batch, n)
        y: (batch, n) numbers in [0, 1], or (batch,) for n = 1
        delta: (batch, n)

    Raises:
        ShapeError: the targets' shape is not the outputs'.
        DataError: a target outside [0, 1].

    Source: docs/mathematics.md, "Losses".
    """

    def _targets(self, z: Array, y: Array) -> Array:
        t = real_targets("BinaryCrossEntropy", z, y)
        refuse_targets("BinaryCrossEntropy", t, (t < 0) | (t > 1), "0 to 1")
        return t

    def _losses(self, z: Array, t: Array) -> Array:
        return total(softplus(z) - t * z)[:, 0]

    def _gradient(self, z: Array, t: Array) -> Array:
        return sigmoid(z) - t

    def _hessian(self, z: Array, t: Array, factor: Array) -> Operator:
        s = sigmoid(z)
        return Diagonal(s * (1 - s) * factor)

    def prediction(self, z: Array) -> Array:
        """Return the probabilities of a 1, sigmoid(z), (batch, n)."""
        return sigmoid(flatten(z))

    def sample(self, z: Array, generator: np.random.Generator) -> Array:
        """Return zeros and ones drawn with probability sigmoid(z)."""
        s = to_numpy(sigmoid(flatten(z)))
        return in_library_of(z, (generator.random(s.shape) < s).astype(s.dtype))
