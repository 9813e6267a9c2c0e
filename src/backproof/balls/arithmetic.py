"""Arrays of balls, on which the library's formulas run as they are.

``Balls`` is a NumPy array of ``Ball`` objects. NumPy does almost everything; what differs is here:

- a comparison that cannot be decided for some entries gives a ``Condition``, and ``where`` of a condition gives the
  hull of both branches there;
- matrix products go to python-flint's matrices, ten times faster than NumPy's loop over objects.

An array that loses its class on the way (``np.asarray``) is still sound: its entries refuse to answer a comparison
that has no answer.
"""

from collections.abc import Callable
from typing import Any, final

import flint
import numpy as np

from ..errors import UndecidedError
from .ball import Ball, certain, hull, raw

__all__ = ["Balls", "Condition", "balls"]

_RELATIONS = {
    np.greater: "gt", np.greater_equal: "ge", np.less: "lt", np.less_equal: "le", np.equal: "eq", np.not_equal: "ne",
}  # fmt: skip

SMALL_PRODUCT = 64
"""Matrix products of no more multiplications than this are left to NumPy."""


@final
class Balls(np.ndarray[Any, Any]):
    """A NumPy array whose entries are balls; made by ``balls(array)``."""

    __slots__ = ()
    # Before plain arrays, so that joining both gives balls.
    __array_priority__ = 10

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        plain = [_plain(value) for value in inputs]
        if method == "__call__" and ufunc in _RELATIONS:
            return _compare(_RELATIONS[ufunc], *plain)
        if method == "__call__" and ufunc in _BY_CONDITION:
            result = _BY_CONDITION[ufunc](*(_balls(value) for value in plain))
        elif method == "__call__" and ufunc is np.matmul:
            result = _matmul(plain[0], plain[1])
        else:
            if out is not None:
                options["out"] = tuple(_plain(array) for array in out)
            result = getattr(ufunc, method)(*plain, **options)
            return _balls(result) if out is None else out[0]
        if out is None:
            return _balls(result)
        out[0][...] = result
        return out[0]

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        # NumPy's where and broadcast_to, among others, give plain arrays.
        return _balls(super().__array_function__(function, types, arguments, options))


def balls(array: Any) -> Balls:
    """Return numbers as balls of radius zero: exactly, if they are floats or integers."""
    array = np.asarray(array)
    return np.asarray(_to_ball(array), dtype=object).view(Balls)


_to_ball = np.frompyfunc(Ball, 1, 1)
_certain = np.frompyfunc(certain, 3, 2)
_hull = np.frompyfunc(hull, 2, 1)


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Balls) else value


def _balls(value: Any) -> Any:
    """Return an object array as balls, anything else as it is."""
    return value.view(Balls) if type(value) is np.ndarray and value.dtype.kind == "O" else value


@final
class Condition:
    """The answers to a comparison of balls, some of which are not known.

    Attributes:
        yes: where it certainly holds.
        no: where it certainly does not.
    """

    __slots__ = ("no", "yes")
    # NumPy's operators leave the work to this class.
    __array_ufunc__ = None

    def __init__(self, yes: Any, no: Any) -> None:
        self.yes, self.no = yes, no

    @property
    def unknown(self) -> Any:
        """Where neither is certain."""
        return ~(self.yes | self.no)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the answers."""
        return np.broadcast_shapes(self.yes.shape, self.no.shape)

    def __and__(self, other: Any) -> "Condition":
        yes, no = _answers(other)
        return Condition(self.yes & yes, self.no | no)

    def __or__(self, other: Any) -> "Condition":
        yes, no = _answers(other)
        return Condition(self.yes | yes, self.no & no)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> "Condition":
        return Condition(self.no, self.yes)

    def __getitem__(self, index: Any) -> "Condition":
        return Condition(self.yes[index], self.no[index])

    def __mul__(self, other: Any) -> Any:
        return self.astype() * other

    __rmul__ = __mul__

    def astype(self, dtype: Any = object) -> "Balls":
        """Return 1 where it holds, 0 where not, and the interval between where it is not known."""
        return _balls(_choose(self, 1, 0))  # type: ignore[no-any-return]

    def all(self) -> bool:
        """Return whether it holds everywhere, if that is known.

        Raises:
            UndecidedError: it is not.
        """
        return not self.no.any() and (bool(self.yes.all()) or bool(self))

    def any(self) -> bool:
        """Return whether it holds anywhere, if that is known.

        Raises:
            UndecidedError: it is not.
        """
        return bool(self.yes.any()) or (not self.no.all() and bool(self))

    def __bool__(self) -> bool:
        raise UndecidedError(
            f"a comparison of balls cannot be decided at {flint.ctx.prec} bits, expected one that can; "
            "try more bits, or write the choice as where(condition, yes, no), which takes both branches."
        )

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function is np.where and len(arguments) == 3:
            return _choose(*arguments)
        if function in (np.all, np.any) and len(arguments) == 1 and not options:
            return self.all() if function is np.all else self.any()
        raise UndecidedError(
            f"numpy.{function.__name__} of a comparison of balls that cannot be decided at {flint.ctx.prec} bits, "
            "expected where(condition, yes, no), which takes both branches; or try more bits."
        )


def _answers(condition: Any) -> tuple[Any, Any]:
    if isinstance(condition, Condition):
        return condition.yes, condition.no
    condition = np.asarray(condition, bool)
    return condition, ~condition


def _compare(relation: str, a: Any, b: Any) -> Any:
    """Return the answers as a plain array where all are known, else as a condition."""
    yes, no = (np.asarray(answer, dtype=bool) for answer in _certain(relation, a, b))
    return yes if (yes | no).all() else Condition(yes, no)


def _choose(condition: Condition | Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` or ``no`` by the condition, and the hull of both where it is not known."""
    if not isinstance(condition, Condition):
        return np.where(condition, yes, no)
    yes, no = (_plain(np.asanyarray(branch)).astype(object) for branch in (yes, no))
    result = np.where(condition.yes, yes, no)
    unknown = np.broadcast_to(condition.unknown, result.shape)
    yes, no = np.broadcast_to(yes, result.shape), np.broadcast_to(no, result.shape)
    result[unknown] = _hull(yes[unknown], no[unknown])
    return _balls(result)


_entrywise_abs, _entrywise_sign = np.frompyfunc(abs, 1, 1), np.frompyfunc(lambda x: Ball(x).sign(), 1, 1)
_BY_CONDITION: dict[Any, Callable[..., Any]] = {
    np.maximum: lambda a, b: _choose(_compare("ge", _plain(a), _plain(b)), a, b),
    np.minimum: lambda a, b: _choose(_compare("le", _plain(a), _plain(b)), a, b),
    np.absolute: lambda a: _entrywise_abs(_plain(a)),
    np.sign: lambda a: _entrywise_sign(_plain(a)),
}


def _matmul(a: Any, b: Any) -> Any:
    """Return ``a @ b``: one product of python-flint's for every pair of matrices."""
    small = a.ndim < 2 or b.ndim < 2 or a.shape[-2] * a.shape[-1] * b.shape[-1] <= SMALL_PRODUCT
    if small or a.shape[-1] != b.shape[-2]:
        return np.matmul(a, b)
    if a.ndim > 2 and b.ndim == 2:
        return _matrix_product(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result = np.empty((*lead, a.shape[-2], b.shape[-1]), dtype=object)
    a, b = np.broadcast_to(a, (*lead, *a.shape[-2:])), np.broadcast_to(b, (*lead, *b.shape[-2:]))
    for index in np.ndindex(*lead):
        result[index] = _matrix_product(a[index], b[index])
    return result


def _matrix_product(a: Any, b: Any) -> Any:
    product = _flint_matrix(a) * _flint_matrix(b)
    entries = np.fromiter(product.entries(), dtype=object, count=a.shape[0] * b.shape[1])
    return _to_ball(entries).reshape(a.shape[0], b.shape[1])


def _flint_matrix(a: Any) -> Any:
    return flint.arb_mat(*a.shape, [raw(entry) for entry in a.ravel()])
