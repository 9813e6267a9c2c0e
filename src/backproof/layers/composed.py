"""Linearizations of combinators: how delta passes through steps in sequence and branches side by side.

Each runs the recursion of ``chain/recursion.py`` through its parts, so prefixes are shared inside combinators
too. Their A and B, as operators, are products, sums and blocks made on request.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..arrays import Array, flatten
from ..chain import Tally, backpropagate
from ..operators import Column, Diagonal, Identity, Operator, product_of
from ..operators import Sum as OperatorSum
from ..operators.selection import slice_of
from .base import Direction, Layer, Linearization, Visit

__all__ = ["Branches", "Repeated", "Steps", "leaves"]


class _Sequence(Linearization):
    """One step after another: A is the product of theirs, and the recursion runs through all of them."""

    __slots__ = ("output", "steps")

    def __init__(self, steps: list[Linearization]) -> None:
        self.steps = steps
        self.output = steps[-1].output

    @property
    def A(self) -> Operator:
        """A_L ... A_1."""
        return product_of([step.A for step in reversed(self.steps)])

    def _names(self, place: str) -> list[str]:
        """Return the place of every step's parameters."""
        return [f"{place}{index}." for index in range(len(self.steps))]

    def push_forward(self, tangent: Array | None, direction: Direction, place: str = "") -> Array | None:
        """Run the recursion forward: dx_l = A_l dx_{l-1} + B_l dtheta_l."""
        for step, name in zip(self.steps, self._names(place), strict=True):
            tangent = step.push_forward(tangent, direction, name)
        return tangent


class Steps(_Sequence):
    """Layers in sequence: the factors of a product of Jacobians."""

    __slots__ = ()

    @property
    def B(self) -> dict[str, Operator]:
        """A_L ... A_{l+1} B_l for every layer l."""
        after: list[Operator] = []
        blocks: list[dict[str, Operator]] = []
        for step in reversed(self.steps):
            blocks.append({name: product_of([*after, B]) for name, B in step.B.items()})
            after.append(step.A)
        return {f"{i}.{name}": B for i, block in enumerate(reversed(blocks)) for name, B in block.items()}

    def backward(
        self,
        delta: Array,
        visit: Visit,
        input_too: bool = True,
        tally: Tally | None = None,
        place: str = "",
    ) -> Array | None:
        """Run the recursion through the steps."""
        return backpropagate(self.steps, delta, visit, input_too, tally, place)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Linearization:
        return self.steps[index]

    def __iter__(self) -> Iterator[Linearization]:
        return iter(self.steps)


class Repeated(_Sequence):
    """One layer with one theta in sequence: gradients of the steps are added."""

    __slots__ = ()

    @property
    def B(self) -> dict[str, Operator]:
        """The sum over t of A_T ... A_{t+1} B_t."""
        terms: dict[str, list[Operator]] = {name: [] for name in self.steps[0].B}
        after: list[Operator] = []
        for step in reversed(self.steps):
            for name, B in step.B.items():
                terms[name].append(product_of([*after, B]))
            after.append(step.A)
        return {f"0.{name}": OperatorSum(tuple(blocks)) for name, blocks in terms.items()}

    def backward(
        self,
        delta: Array,
        visit: Visit,
        input_too: bool = True,
        tally: Tally | None = None,
        place: str = "",
    ) -> Array | None:
        """Run every step backward; each visits the same parameters, whose gradients add up."""
        for index in reversed(range(len(self.steps))):
            delta = self.steps[index].backward(delta, visit, input_too or index > 0, tally, f"{place}0.")
        return delta

    def _names(self, place: str) -> list[str]:
        """Return the same place for every step."""
        return [f"{place}0."] * len(self.steps)


class Branches(Linearization):
    """Layers side by side on the same x, and how their outputs meet in y.

    Attributes:
        steps: the branches' linearizations.
        joints: per branch, d y / d (its output): the operator through which delta reaches it.
        direct: whether x itself is added to y (a residual).
    """

    __slots__ = ("_blocks", "direct", "joints", "output", "steps")

    def __init__(
        self,
        output: Array,
        steps: list[Linearization],
        joints: list[Operator],
        direct: bool = False,
        blocks: Callable[[list[Operator]], Operator] | None = None,
    ) -> None:
        self.output, self.steps, self.joints, self.direct = output, steps, joints, direct
        self._blocks = blocks

    @classmethod
    def of_residual(cls, output: Array, g: Linearization) -> "Branches":
        """Return y = x + g(x)."""
        return cls(output, [g], [Identity(g.A.shape[0])], direct=True)

    @classmethod
    def of_sum(cls, output: Array, steps: list[Linearization]) -> "Branches":
        """Return y = f(x) + g(x) + ..."""
        return cls(output, steps, [Identity(flatten(step.output).shape[1]) for step in steps])

    @classmethod
    def of_product(cls, output: Array, steps: list[Linearization], others: list[Array]) -> "Branches":
        """Return y = f(x) * g(x) * ...; ``others`` holds per branch the product of all the other outputs."""
        return cls(output, steps, [Diagonal(flatten(other)) for other in others])

    @classmethod
    def of_concatenation(cls, output: Array, steps: list[Linearization]) -> "Branches":
        """Return y = (f(x); g(x); ...)."""
        sizes = [flatten(step.output).shape[1] for step in steps]
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        joints: list[Operator] = [
            slice_of(end - size, end, ends[-1], scatter=True) for size, end in zip(sizes, ends, strict=True)
        ]
        return cls(output, steps, joints, blocks=lambda parts: Column(tuple(parts)))

    @property
    def A(self) -> Operator:
        """The sum of joint times branch (a block column for a concatenation), plus I for a residual."""
        if self._blocks is not None:
            return self._blocks([step.A for step in self.steps])
        terms = [_joined(joint, step.A) for joint, step in zip(self.joints, self.steps, strict=True)]
        if self.direct:
            terms.insert(0, Identity(terms[0].shape[1]))
        return OperatorSum(tuple(terms))

    @property
    def B(self) -> dict[str, Operator]:
        """Joint times B, for every branch."""
        return {
            f"{i}.{name}": _joined(self.joints[i], B) for i, step in enumerate(self.steps) for name, B in step.B.items()
        }

    def backward(
        self,
        delta: Array,
        visit: Visit,
        input_too: bool = True,
        tally: Tally | None = None,
        place: str = "",
    ) -> Array | None:
        """Send delta through every joint and branch, and add up what comes back."""
        returned = delta if self.direct else None
        for index, (joint, step) in enumerate(zip(self.joints, self.steps, strict=True)):
            if tally is not None and joint.pull_cost:
                rows = math.prod(delta.shape[:-1])
                tally.add(f"delta joint[{place}{index}]", rows * joint.pull_cost)
            back = step.backward(joint.pull(delta), visit, input_too, tally, f"{place}{index}.")
            returned = back if returned is None else returned if back is None else returned + back
        return returned if input_too else None

    def push_forward(self, tangent: Array | None, direction: Direction, place: str = "") -> Array | None:
        """Push the tangent through every branch and joint, and add up what arrives."""
        result = tangent if self.direct else None
        for index, (joint, step) in enumerate(zip(self.joints, self.steps, strict=True)):
            moved = step.push_forward(tangent, direction, f"{place}{index}.")
            if moved is not None:
                moved = joint.push(moved)
                result = moved if result is None else result + moved
        return result


def _joined(joint: Operator, operator: Operator) -> Operator:
    return operator if isinstance(joint, Identity) else product_of([joint, operator])


def leaves(layer: Layer, step: Linearization, x: Array, place: str = "") -> Iterator[tuple[str, Layer, Array, Array]]:
    """Yield (place, layer, its input, its output) for every layer that is not made of layers.

    Args:
        layer: a layer or combinator.
        step: its linearization.
        x: the input that it was linearized at.
        place: prefix of the place inside the network, as in ``"2.0."``.
    """
    parts: Any = getattr(layer, "parts", ())
    if isinstance(step, Steps | Repeated):
        for index, inner in enumerate(step.steps):
            own = 0 if isinstance(step, Repeated) else index
            yield from leaves(parts[own], inner, x, f"{place}{own}.")
            x = inner.output
    elif isinstance(step, Branches):
        for index, (part, inner) in enumerate(zip(parts, step.steps, strict=True)):
            yield from leaves(part, inner, x, f"{place}{index}.")
    else:
        yield place.rstrip("."), layer, x, step.output
