"""What an exercise is: a question with numbers, the library's own answer, and the mistakes that are often made."""

import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

import numpy as np

from ..arrays import Array, to_numpy
from ..display import escape, matrix_latex
from ..errors import DtypeError, OptionError
from ..losses import Loss
from ..network import Network
from ..operators import Operator
from ..parameters import Parameters
from .writing import listed, listed_latex, numbers, wrapped

__all__ = ["Exercise", "Grade", "Mistake", "Point", "Solution", "Task", "drawn"]

OTHER_NUMBERS = 2
"""How many further sets of numbers a function is tried on."""
NEARLY = 10.0
"""Tolerances within which an answer is more likely rounded too early than wrong: as far as two digits are off."""


@final
@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is often given.

    Attributes:
        cause: its name, one of ``Cause`` where that has a word for it.
        answer: the wrong numbers.
        hint: what to think of.
    """

    cause: str
    answer: Any
    hint: str


@final
@dataclass(frozen=True, eq=False)
class Point:
    """The network and the numbers whose derivation is the solution."""

    net: Network
    theta: Parameters
    x: Array
    y: Array | None = None
    loss: Loss | None = None


@final
@dataclass(frozen=True, eq=False)
class Task:
    """One question with its numbers.

    Attributes:
        question: Markdown with formulas in dollars.
        given: arrays by name.
        answer: what the library computes.
        why: the formula and its reason, in Markdown.
        mistakes: in the order in which they are looked for.
        point: where the derivation of the solution stands, if it has one.
        tolerance: how far an answer may be off, relative to the largest entry. Three digits by hand are enough: 1.00
            for 1.005 is off by half a hundredth, and a little is left for the arithmetic.
        kind: ``"jacobian"``, ``"gradient"`` in the shape of its parameter, or ``"number"`` for what is no derivative.
    """

    question: str
    given: Mapping[str, Any]
    answer: Any
    why: str
    mistakes: tuple[Mistake, ...] = ()
    point: Point | None = None
    tolerance: float = 5.5e-3
    kind: Literal["jacobian", "gradient", "number"] = "jacobian"

    def fits(self, value: Any, expected: Any, widened: float = 1.0) -> bool:
        """Return whether numbers of one shape are the expected ones, within so many times the tolerance."""
        scale = np.abs(expected).max(initial=0.0) or 1.0
        return bool(np.abs(value - expected).max(initial=0.0) <= widened * self.tolerance * scale)

    def telling(self) -> bool:
        """Return whether the numbers tell the answer, rounded too early or not, and all mistakes apart."""
        answer, *wrong = (np.ravel(values) for values in (self.answer, *(mistake.answer for mistake in self.mistakes)))
        near = any(self._alike(answer, other, NEARLY + 2) for other in wrong)
        return not near and not any(self._alike(a, b, 2) for a, b in itertools.combinations(wrong, 2))

    def _alike(self, a: Any, b: Any, widened: float) -> bool:
        return a.size == b.size and (self.fits(a, b, widened) or self.fits(b, a, widened))


Maker = Callable[[np.random.Generator], Task]


def drawn(make: Maker, seed: int) -> Task:
    """Return a task whose numbers tell mistakes apart: the first such in the sequence that the seed begins."""
    g = np.random.default_rng(seed)
    task = make(g)
    while not task.telling():
        task = make(g)
    return task


UNNAMED = "unknown"
"""The cause of an answer that is wrong in no way that has a name."""


@final
@dataclass(frozen=True)
class Grade:
    """The verdict on an answer; it is true if the answer is right, and prints itself.

    Attributes:
        right: whether every entry is.
        cause: the likely mistake in a word or two; empty if the answer is right.
        hint: what to think of; empty if the answer is right.
        place: the worst entry, in words.
    """

    right: bool
    cause: str = ""
    hint: str = ""
    place: str = ""

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        if self.right:
            return "Right."
        where = f" ({self.place})" if self.place else ""
        return wrapped(f"Not yet{where}. {self._likely()}{self.hint}")

    def _repr_markdown_(self) -> str:
        if self.right:
            return "**Right.**"
        where = f" ({escape(self.place)})" if self.place else ""
        return f"**Not yet**{where}. {self._likely('*')}{self.hint}"

    def _likely(self, mark: str = "") -> str:
        """Return the sentence that names the mistake, empty where it has no name."""
        cause = escape(self.cause) if mark else self.cause
        return "" if self.cause == UNNAMED else f"Likely mistake: {mark}{cause}{mark}. "


@final
@dataclass(frozen=True, eq=False)
class Question:
    """The text of an exercise with its numbers; it prints itself, in a notebook with formulas."""

    title: str
    task: Task

    def __str__(self) -> str:
        return f"{self.title}\n\n{wrapped(self.task.question)}\n\n{listed(self.task.given)}"

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return f"**{self.title}**\n\n{self.task.question}\n\n$${listed_latex(self.task.given)}$$"


@final
@dataclass(frozen=True, eq=False)
class Solution:
    """The right answer and why; it prints itself.

    Attributes:
        value: the numbers, as the library computes them.
        why: the formula and its reason, in Markdown.
        point: where the derivation stands, or None.
    """

    value: Any
    why: str
    point: Point | None = field(default=None, repr=False)

    @property
    def derivation(self) -> Any:
        """The derivation of this network at these numbers, as ``explain`` gives it; None where there is no network."""
        if self.point is None:
            return None
        from ..derivation import explain

        point = self.point
        return explain(point.net, point.theta, point.x, point.y, point.loss)

    def __str__(self) -> str:
        return f"{wrapped(self.why)}\n\n{numbers(self.value)}"

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return f"{self.why}\n\n$${matrix_latex(self.value)}$$"


@final
@dataclass(frozen=True, eq=False, repr=False)
class Exercise:
    """A question about derivatives with numbers of its own; ``answer`` grades, ``solution`` tells.

    Attributes:
        name: as ``exercise`` takes it.
        title: what it is about.
        seed: of the numbers.
        task: question, numbers, answer.
    """

    name: str
    title: str
    seed: int
    task: Task
    make: Maker

    @property
    def question(self) -> Question:
        """The question with its numbers."""
        return Question(self.title, self.task)

    @property
    def given(self) -> dict[str, Any]:
        """The numbers of the question, by name."""
        return {name: np.array(array) for name, array in self.task.given.items()}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the answer."""
        return tuple(np.shape(self.task.answer))

    def answer(self, given: Any) -> Grade:
        """Grade an answer: numbers, or a function of the given arrays by name, which is tried on other numbers too.

        Args:
            given: an array, a list of lists, one of the library's operators, or a function such as
                ``lambda W, x, b: ...`` with the names that the question gives; unknown names raise.

        Raises:
            DtypeError: the answer is no array of real numbers.
            OptionError: a function takes other names than those given.
        """
        from .grading import grade

        if not callable(given):
            return grade(self.task, _real(given))
        for task in (self.task, *(drawn(self.make, self.seed + 1000 * i) for i in range(1, 1 + OTHER_NUMBERS))):
            verdict = grade(task, _real(_applied(given, task.given)))
            if not verdict:
                return verdict
        return verdict

    def solution(self) -> Solution:
        """Return the right answer, the reason, and the derivation it comes from."""
        return Solution(np.array(self.task.answer), self.task.why, self.task.point)

    def __repr__(self) -> str:
        return str(self.question)

    def _repr_markdown_(self) -> str:
        return self.question._repr_markdown_()


def _applied(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Return the function's value at the given arrays that it asks for by name."""
    parameters = inspect.signature(function).parameters.values()
    everything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    asked = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [p.name for p in parameters if p.name in asked and p.default is p.empty and p.name not in given]
    if unknown or any(p.kind is p.POSITIONAL_ONLY for p in parameters):
        raise OptionError(
            f"Exercise.answer: the function takes {', '.join(unknown) or 'arguments without names'}, "
            f"expected some of {', '.join(given)}."
        )
    names = given if everything else [name for name in asked if name in given]
    return function(**{name: np.array(given[name]) for name in names})


def _real(value: Any) -> Any:
    """Return an answer as real numbers; of an operator its dense matrix."""
    if isinstance(value, Operator):
        dense = to_numpy(value.dense())
        value = dense[0] if dense.ndim == 3 and dense.shape[0] == 1 else dense
    try:
        array = np.asarray(to_numpy(value) if hasattr(value, "shape") else value)
        if array.dtype.kind not in "fiub":
            raise TypeError
    except (TypeError, ValueError):
        raise DtypeError(
            f"Exercise.answer: {value!r:.60} came, expected numbers, as in np.array([[1.0, 0.0], [0.0, 1.0]])."
        ) from None
    return array.astype(np.float64)
