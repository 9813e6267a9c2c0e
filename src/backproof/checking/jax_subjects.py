"""Subjects of JAX: ``custom_vjp`` and ``custom_jvp`` functions, and functions with such rules inside."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..arrays import dtype_name
from ..errors import DtypeError, OptionError, missing_extra
from .arguments import argument_names, is_floating, refuse_trees, title_of
from .problems import COMPLEX, NATIVE, Points, Problem, Raw, Route, Value
from .structures import Structure, flat


def is_jax(subject: Any, inputs: Sequence[Any]) -> bool:
    """Whether subject or inputs are JAX's; JAX is not imported for it."""
    return any(type(value).__module__.split(".")[0] in ("jax", "jaxlib") for value in (subject, *inputs))


def jax_problem(subject: Any, inputs: tuple[Any, ...], names: Sequence[str] | None = None) -> Problem:
    """Return the problem of a JAX subject.

    The derivative under test is that of its custom rule; the oracle differentiates the undecorated function
    where the subject is ``custom_vjp`` or ``custom_jvp`` itself.

    Raises:
        DtypeError: no input can carry a derivative.
        MissingExtraError: JAX is not installed.
    """
    try:
        import jax
        import jax.numpy as jnp
    except ImportError as error:
        raise missing_extra("checking a JAX subject", "jax") from error
    custom = isinstance(subject, jax.custom_vjp | jax.custom_jvp)
    plain = subject.fun if custom else subject
    labels = argument_names(plain, len(inputs), names)
    fixed = set(subject.nondiff_argnums) if custom else set()
    places = tuple(i for i, value in enumerate(inputs) if is_floating(value) and i not in fixed)
    if not places:
        refuse_trees(inputs)
        came = (
            ", ".join(f"{name}: {type(value).__name__}" for name, value in zip(labels, inputs, strict=True)) or "none"
        )
        raise DtypeError(
            f"check: no input of {title_of(plain)} is a floating array ({came}), expected arrays, one an argument."
        )
    if custom and not _has_rule(subject):
        which = "defvjp" if isinstance(subject, jax.custom_vjp) else "defjvp"
        raise OptionError(f"check: {title_of(plain)} came without a rule, expected one by {title_of(plain)}.{which}.")
    values = tuple(jnp.asarray(inputs[i]) for i in places)
    call = _Call(subject, plain, inputs, places, values, custom)
    forward = isinstance(subject, jax.custom_jvp)
    route = Route("vjp", call.dense, pull=call.pull, primal=call.primal)
    if forward:
        route = Route("jvp", call.dense_forward, push=call.push, primal=call.primal_forward)
    return Problem(
        title_of(plain),
        tuple(labels[i] for i in places),
        tuple(np.asarray(value, np.float64) for value in values),
        tuple(dtype_name(value) for value in values),
        call.evaluate,
        (route,),
        exact=call.exact if custom else None,
        exact_name="JAX's differentiation of the undecorated function, and differences along one direction",
    )


def _has_rule(subject: Any) -> bool:
    """Whether a custom function was given its derivative."""
    kinds = ("fwd", "bwd") if hasattr(subject, "bwd") else ("jvp",)
    return all(getattr(subject, kind, True) is not None for kind in kinds)


def in_float64(precision: str) -> AbstractContextManager[Any]:
    """Return the context in which JAX keeps float64."""
    if precision == NATIVE:
        return nullcontext()
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)  # type: ignore[no-any-return]
    import jax.experimental

    return jax.experimental.enable_x64()  # type: ignore[no-any-return]


@final
@dataclass(frozen=True)
class _Call:
    """The calls of a subject: points in float64 to JAX arrays and back."""

    subject: Callable[..., Any]
    plain: Callable[..., Any]
    inputs: tuple[Any, ...]
    places: tuple[int, ...]
    values: tuple[Any, ...]
    custom: bool

    def arrays(self, points: Points, precision: str) -> list[Any]:
        """Return JAX arrays at the points."""
        import jax.numpy as jnp

        kinds = {COMPLEX: jnp.complex128, NATIVE: None}
        return [
            jnp.asarray(np.array(point), dtype=kinds.get(precision, jnp.float64) or value.dtype)
            for point, value in zip(points, self.values, strict=True)
        ]

    def function(self, function: Callable[..., Any], precision: str) -> Callable[..., Any]:
        """Return the function of the arguments under test alone."""
        import jax.numpy as jnp

        def f(*arrays: Any) -> Any:
            given = dict(zip(self.places, arrays, strict=True))
            filled = []
            for place, value in enumerate(self.inputs):
                if precision != NATIVE and place not in given and is_floating(value) and hasattr(value, "dtype"):
                    value = jnp.asarray(np.asarray(value), jnp.float64)
                filled.append(given.get(place, value))
            return flat(function(*filled))

        return f

    def evaluate(self, points: Points, precision: str) -> Value:
        """Return the value of the subject."""
        with in_float64(precision):
            result = self.function(self.subject, precision)(*self.arrays(points, precision))
            structure = Structure.of(result)
            numbers, dtype = structure.join(result, "the function's value")
        return Value(numbers, dtype, {}, parts=structure.parts)

    def primal(self, points: Points, precision: str) -> Any:
        """Return the value that the forward pass of a vjp gives."""
        import jax

        with in_float64(precision):
            result, _ = jax.vjp(self.function(self.subject, precision), *self.arrays(points, precision))
            return Structure.of(result).join(result, "the function's value")[0]

    def primal_forward(self, points: Points, precision: str) -> Any:
        """Return the value that a jvp gives."""
        import jax

        with in_float64(precision):
            arrays = tuple(self.arrays(points, precision))
            result, _ = jax.jvp(self.function(self.subject, precision), arrays, arrays)
            return Structure.of(result).join(result, "the function's value")[0]

    def exact(self, points: Points) -> list[Any]:
        """Return the Jacobian blocks of the undecorated function by JAX's forward mode, in float64."""
        import jax

        with in_float64("double"):
            f = self.function(self.plain, "double")
            arrays = self.arrays(points, "double")
            structure = Structure.of(f(*arrays))

            def joined(*arguments: Any) -> Any:
                import jax.numpy as jnp

                result = f(*arguments)
                outputs = [result] if structure.single else list(result)
                return jnp.concatenate([jnp.reshape(y, -1) for y in outputs])

            blocks = jax.jacfwd(joined, argnums=tuple(range(len(arrays))))(*arrays)
            return [np.asarray(b).reshape(-1, p.size) for b, p in zip(blocks, points, strict=True)]

    def dense(self, points: Points, precision: str) -> list[Raw | None]:
        """Return the Jacobian in every argument, one pull for every entry of the output."""
        import jax

        with in_float64(precision):
            pull, structure, dtypes = self._pullback(points, precision)
            m = int(np.prod(structure.shape, dtype=int))
            rows = np.eye(m)
            try:
                stacked = structure_of_rows(structure, rows, dtypes)
                found = jax.vmap(pull)(stacked)
            except Exception:
                # A rule may hold Python code that takes one cotangent at a time.
                each = [pull(self._cotangent(structure, u, dtypes)) for u in rows]
                found = [np.stack([np.asarray(row[i], np.float64) for row in each]) for i in range(len(points))]
            names = [dtype_name(v) if precision == NATIVE else "float64" for v in self.values]
            return [
                None if block is None else Raw(np.asarray(block, np.float64), name)
                for block, name in zip(found, names, strict=True)
            ]

    def pull(self, points: Points, precision: str, u: Any) -> list[Any]:
        """Return the cotangents of all arguments, with their dtypes' names."""
        with in_float64(precision):
            pull, structure, dtypes = self._pullback(points, precision)
            found = pull(self._cotangent(structure, u, dtypes))
            return [(np.asarray(c, np.float64), dtype_name(c)) for c in found]

    def _pullback(self, points: Points, precision: str) -> tuple[Callable[[Any], Any], Structure, list[Any]]:
        import jax

        result, pull = jax.vjp(self.function(self.subject, precision), *self.arrays(points, precision))
        structure = Structure.of(result)
        dtypes = [y.dtype for y in ([result] if structure.single else result)]
        if self.custom:
            pull = self._checked(pull, points, precision)
        return pull, structure, dtypes

    def _checked(self, pull: Callable[[Any], Any], points: Points, precision: str) -> Callable[[Any], Any]:
        """Return the pullback that, where JAX refuses the shape of a cotangent, gives it as it came."""

        def direct(u: Any) -> Any:
            try:
                return pull(u)
            except (TypeError, ValueError):
                given = dict(zip(self.places, self.arrays(points, precision), strict=True))
                filled = [given.get(i, value) for i, value in enumerate(self.inputs)]
                fixed = [self.inputs[i] for i in self.subject.nondiff_argnums]  # type: ignore[attr-defined]
                _, residuals = self.subject.fwd(*filled)  # type: ignore[attr-defined]
                found = self.subject.bwd(*fixed, residuals, u)  # type: ignore[attr-defined]
                found = found if isinstance(found, tuple | list) else (found,)
                others = [i for i in range(len(self.inputs)) if i not in self.subject.nondiff_argnums]  # type: ignore[attr-defined]
                if len(found) != len(others):
                    came = f"expected {len(others)}, got {len(found)}"
                    raise RuntimeError(f"the rule returned an incorrect number of gradients ({came})") from None
                return [found[others.index(i)] for i in self.places]

        return direct

    @staticmethod
    def _cotangent(structure: Structure, u: Any, dtypes: list[Any]) -> Any:
        import jax.numpy as jnp

        pending = iter(dtypes)
        return structure.split(u, lambda part: jnp.asarray(part, next(pending)))

    def push(self, points: Points, precision: str, tangents: Points) -> Any:
        """Return the output's tangent."""
        import jax

        with in_float64(precision):
            f = self.function(self.subject, precision)
            _, moved = jax.jvp(f, tuple(self.arrays(points, precision)), tuple(self.arrays(tangents, precision)))
            return Structure.of(moved).join(moved, "the jvp")

    def dense_forward(self, points: Points, precision: str) -> list[Raw | None]:
        """Return the Jacobian in every argument, one push for every entry of it."""
        from .problems import from_pushes

        return from_pushes(self.push)(points, precision)  # type: ignore[no-any-return]


def structure_of_rows(structure: Structure, rows: Any, dtypes: list[Any]) -> Any:
    """Return many cotangents in the form of the outputs, stacked along a first axis of every array."""
    import jax.numpy as jnp

    parts, start = [], 0
    for shape, dtype in zip(structure.shapes, dtypes, strict=True):
        size = int(np.prod(shape, dtype=int))
        parts.append(jnp.asarray(rows[:, start : start + size].reshape(len(rows), *shape), dtype))
        start += size
    return parts[0] if structure.single else tuple(parts)
