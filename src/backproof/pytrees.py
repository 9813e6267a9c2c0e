"""Networks, parameters and losses as pytrees, so that JAX's transformations take and return them.

JAX is not imported for that: a class says here how it is taken apart, and JAX is told as soon as it is seen to be
loaded: when the class is declared, a network or parameters are made, or the first JAX array arrives.
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

Flatten = Callable[[Any], tuple[Iterable[tuple[str, Any]], Any]]
"""Takes an object apart into named arrays and hashable data."""
Unflatten = Callable[[Any, Iterable[Any]], Any]
"""Puts it together again from that data and the arrays, which may be anything that JAX puts in their place."""

_WAITING: list[tuple[type, Flatten, Unflatten]] = []


def declare(kind: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Say how objects of a class are taken apart and put together."""
    _WAITING.append((kind, flatten, unflatten))
    register_waiting()


def declare_constant(kind: type) -> None:
    """Say that objects of a class hold no arrays: they are hashable data that a compiled function depends on."""
    declare(kind, lambda thing: ((), thing), lambda thing, arrays: thing)


def register_waiting() -> None:
    """Tell JAX, where it is loaded, of the classes that it has not been told of."""
    if not _WAITING or "jax" not in sys.modules:
        return
    tree_util = getattr(sys.modules["jax"], "tree_util", None)
    while tree_util is not None and _WAITING:
        kind, flatten, unflatten = _WAITING.pop()
        _register(tree_util, kind, flatten, unflatten)


def _register(tree_util: Any, kind: type, flatten: Flatten, unflatten: Unflatten) -> None:
    def with_keys(thing: Any) -> tuple[list[tuple[Any, Any]], Any]:
        named, data = flatten(thing)
        return [(tree_util.DictKey(name), array) for name, array in named], data

    def without_keys(thing: Any) -> tuple[list[Any], Any]:
        named, data = flatten(thing)
        return [array for _, array in named], data

    tree_util.register_pytree_with_keys(kind, with_keys, unflatten, without_keys)
