"""What things are called in the three notations.

Ours counts every function: x_l = f_l(x_{l-1}, theta_l). [D]'s writes the affine map W^T a + b with superscripts in
square brackets, z for what an affine map gives and a for anything else. [O]'s manner is the augmented matrix applied
to (x; 1), potentials h and activations a; its letters are ours, since its body was not at hand.
"""

from dataclasses import dataclass, replace

from ..layers import Layer, Shared
from .expressions import Composition, Kind, Partial, Symbol

__all__ = ["GIVEN", "LOSS", "MEAN_LOSS", "NOTATIONS", "TARGET", "THETA", "Names", "at_place", "composed", "layer_name"]

NOTATIONS = ("ours", "D", "O")
LOSS = Symbol("loss", kind="scalar")
MEAN_LOSS = Symbol("loss", kind="scalar", accent="bar")
TARGET = Symbol("y")
GIVEN = Symbol("t")
"""The target as it was given, where the loss smooths it."""
THETA = Symbol("theta")


@dataclass(frozen=True)
class Names:
    """The letters of one notation.

    A label is the place of a layer, counted from 1, with the parts of combinators after dots: ``"3.1"``. A time is
    the repetition inside a shared layer, empty for none.
    """

    notation: str = "ours"

    def state(self, label: str, affine: bool = False, time: str = "") -> Symbol:
        """Return the output of a layer, x_l; the input of the network has label ``"0"``."""
        letter = {"ours": "x", "D": "z" if affine else "a", "O": "h" if affine else "a"}[self.notation]
        return self._at(letter, label, time)

    def function(self, label: str) -> Symbol:
        """Return f_l."""
        return self._at("f", label, "", "function")

    def A(self, label: str, time: str = "") -> Symbol:
        """Return the Jacobian of a layer in its input."""
        return self._at("A" if self.notation == "ours" else "J", label, time, "matrix")

    def B(self, label: str, block: str = "", time: str = "") -> Symbol:
        """Return the Jacobian of a layer in its parameters, or in one block of them."""
        if self.notation == "D":
            return Symbol("J", block or "theta", f"[{label}]{_prime(time)}", "matrix")
        if self.notation == "O":
            return self._at("J", f"{label},{block or 'theta'}", time, "matrix")
        return self._at("B", f"{label},{block}" if block else label, time, "matrix")

    def delta(self, label: str, time: str = "") -> Symbol:
        """Return delta_l, the Jacobian of the loss in a layer's output."""
        return self._at("delta", label, time, "row")

    def parameter(self, letter: str, label: str, kind: Kind = "vector", accent: str = "") -> Symbol:
        """Return a parameter of a layer."""
        if self.notation == "D":
            return Symbol(letter, "", f"[{label}]", kind, accent)
        return Symbol(letter, label, "", kind, accent)

    def theta(self, label: str) -> Symbol:
        """Return the vector of a layer's parameters."""
        return self.parameter("theta", label)

    def gradient(self, label: str) -> Partial:
        """Return the gradient of the loss in a layer's parameters, as a row."""
        return Partial(LOSS, self.theta(label))

    def batch(self, state: Symbol) -> Symbol:
        """Return the matrix whose rows are a state of all examples."""
        return replace(state, name="Delta" if state.name == "delta" else state.name.upper(), kind="matrix")

    def helper(self, letter: str, label: str, kind: Kind = "vector", time: str = "") -> Symbol:
        """Return a quantity that only one layer's derivation needs."""
        return self._at(letter, label, time, kind)

    def _at(self, letter: str, label: str, time: str, kind: Kind = "vector") -> Symbol:
        if self.notation == "D" and label:
            return Symbol(letter, "", f"[{label}]{_prime(time)}", kind)
        return Symbol(letter, label, _prime(time), kind)


def _prime(time: str) -> str:
    return f"({time})" if time else ""


def composed(functions: tuple[Symbol, ...], shown: tuple[int, int] | None = None) -> Symbol | Composition:
    """Return functions one after the other, the last one given applied last."""
    if len(functions) == 1:
        return functions[0]
    return Composition(tuple(reversed(functions)), shown)


def layer_name(layer: Layer) -> str:
    """Return a layer as a heading names it: with its sizes or settings, a combinator without its parts."""
    if not hasattr(layer, "parts"):
        return layer.label
    return f"{type(layer).__name__} x {layer.times}" if isinstance(layer, Shared) else type(layer).__name__


def at_place(symbol: Symbol, place: int) -> Symbol:
    """Return a state at one place of an example with further axes, as in x_{2,1}."""
    if symbol.superscript.startswith("["):
        inside, _, rest = symbol.superscript[1:].partition("]")
        return replace(symbol, superscript=f"[{inside},{place}]{rest}")
    return replace(symbol, subscript=f"{symbol.subscript},{place}")
