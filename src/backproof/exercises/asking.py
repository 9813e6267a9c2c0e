"""The list of exercises, and how one is asked for."""

from ..errors import unknown_name
from ..options import check_whole
from . import layer_tasks as layers
from . import network_tasks as networks
from .model import Exercise, Maker, drawn

EXERCISES: dict[str, tuple[str, Maker]] = {
    "elementwise": ("The Jacobian of an elementwise function", layers.elementwise),
    "kink": ("The Jacobian of ReLU, a kink included", layers.kink),
    "affine": ("The Jacobian of an affine map in its input", layers.affine),
    "weight": ("The Jacobian of an affine map in its weight", layers.weight),
    "augmented": ("The augmented form of an affine map", layers.augmented),
    "softmax": ("The Jacobian of softmax", layers.softmax),
    "log-softmax": ("The Jacobian of log-softmax", layers.log_softmax),
    "layer-norm": ("The Jacobian of layer normalisation", layers.layer_norm),
    "residual": ("The Jacobian of a residual block", layers.residual),
    "product": ("The Jacobian of an elementwise product", layers.product),
    "chain": ("The chain rule for two layers", networks.chain),
    "cross-entropy": ("Where backpropagation begins: delta of the cross-entropy", networks.cross_entropy),
    "delta": ("One step of the recursion", networks.delta),
    "gradient": ("The gradient in a weight, one example", networks.gradient),
    "batch": ("The gradient in a weight, a batch", networks.batch),
    "shared": ("Shared weights: the same matrix twice", networks.shared),
    "cost": ("The cost of two orders of multiplication", networks.cost),
    "best-order": ("The cheapest order of multiplication", networks.best_order),
    "kernel": ("The neural tangent kernel of two examples", networks.kernel),
}
"""Title and maker by name, in the order in which a course would take them."""


def exercise(name: str, seed: int = 0) -> Exercise:
    """Return an exercise: a question with numbers, whose ``answer`` grades and whose ``solution`` explains.

    Args:
        name: one of ``EXERCISES``, as in ``"affine"``.
        seed: of the numbers; the same seed gives the same question.

    Raises:
        OptionError: no exercise has this name; the message has the nearest one.
    """
    seed = check_whole("exercise", "seed", seed, 0)
    if not isinstance(name, str) or name not in EXERCISES:
        raise unknown_name("exercise", name, EXERCISES)
    title, make = EXERCISES[name]
    return Exercise(name, title, seed, drawn(make, seed), make)
