"""Subjects of our own: layers, losses and networks, and the layer at fault in a network."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..arrays import dtype_name, to_numpy
from ..backpropagation import input_gradient, value_and_gradient
from ..errors import OptionError, ShapeError
from ..layers import Chain, Layer
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters
from ..quantities import jvp, vjp
from .problems import COMPLEX, NATIVE, Points, Problem, Raw, Route, Value, from_pulls, from_pushes


def _cast(point: Any, dtype: str, precision: str) -> Any:
    kind: Any = {NATIVE: dtype, COMPLEX: np.complex128}.get(precision, np.float64)
    return np.array(point, kind)


def _points(arrays: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(np.asarray(to_numpy(array), np.float64) for array in arrays)


def _require_parameters(layer: Layer, theta: Any) -> None:
    if not isinstance(theta, Mapping):
        raise OptionError(f"check: theta={theta!r:.40} came for {layer.label}, expected its parameters by name.")
    for name, shape in layer.parameter_shapes.items():
        came = np.shape(to_numpy(theta[name])) if name in theta else None
        if came != shape:
            what = "is missing" if came is None else f"has shape {came}"
            raise ShapeError(f"check: theta[{name!r}] of {layer.label} {what}, expected shape {shape}.")


def layer_problem(layer: Layer, x: Any, theta: Any = None, seed: int = 0, title: str = "") -> Problem:
    """Return the problem of a layer: the input ``x`` and every parameter are arguments, A and B are under test.

    The Jacobians are asked for in both directions: pulled back as backpropagation does it, and pushed forward.

    Raises:
        OptionError: theta does not have its parameters by name.
        ShapeError: a parameter is missing or has another shape.
    """
    x = to_numpy(x)
    names = list(layer.parameter_shapes)
    if theta is None:
        theta = {n: v.astype(x.dtype) for n, v in layer.initialize(np.random.default_rng(seed)).items()}
    _require_parameters(layer, theta)
    points = _points([x, *(theta[name] for name in names)])
    dtype = dtype_name(x)

    def split(points: Points, precision: str) -> tuple[dict[str, Any], Any]:
        cast = [_cast(p, dtype, precision) for p in points]
        return dict(zip(names, cast[1:], strict=True)), cast[0]

    def evaluate(points: Points, precision: str) -> Value:
        parameters, moved = split(points, precision)
        y = layer.forward(parameters, moved)
        return Value(_wide(y), dtype_name(y), {})

    def pull(points: Points, precision: str, u: Any) -> list[Any]:
        parameters, moved = split(points, precision)
        sums: dict[str, Any] = {}

        def visit(name: str, B: Any, delta: Any) -> None:
            came = B.pull_sum(delta)
            sums[name] = sums[name] + came if name in sums else came

        delta = np.reshape(_cast(u, dtype, precision), (moved.shape[0], -1))
        back: Any = layer.linearize(parameters, moved).backward(delta, visit)
        found = [np.reshape(back, moved.shape)]
        found += [
            np.reshape(sums.get(n, np.zeros(layer.parameter_shapes[n])), layer.parameter_shapes[n]) for n in names
        ]
        return [(np.asarray(g, np.float64), dtype_name(g)) for g in found]

    def push(points: Points, precision: str, tangents: Points) -> Any:
        parameters, moved = split(points, precision)
        changes, dx = split(tangents, precision)
        step = layer.linearize(parameters, moved)
        rows = {name: change.reshape(1, -1) for name, change in changes.items()}
        dy: Any = step.push_forward(dx.reshape(dx.shape[0], -1), rows.get)
        return np.asarray(np.reshape(dy, step.output.shape), np.float64), dtype_name(dy)

    shape = evaluate(points, NATIVE).numbers.shape
    routes = (
        Route("vjp", from_pulls(pull, lambda: shape), pull=pull),
        Route("jvp", from_pushes(push), push=push),
    )
    labels = ("x", *names)
    return Problem(title or layer.label, labels, points, (dtype,) * len(labels), evaluate, routes, complex_steps=True)


def loss_problem(loss: Loss, z: Any, y: Any) -> Problem:
    """Return the problem of a loss: the outputs ``z`` are the argument, delta is under test.

    Raises:
        OptionError: there are no targets.
    """
    if y is None:
        raise OptionError(f"check: {type(loss).__name__} came without targets, expected y=.")
    z = to_numpy(z)
    dtype = dtype_name(z)

    def evaluate(points: Points, precision: str) -> Value:
        value = loss.value(_cast(points[0], dtype, precision), y)
        return Value(_wide(value), dtype_name(np.asarray(value)), {})

    def dense(points: Points, precision: str) -> list[Raw | None]:
        delta = loss.value_and_gradient(_cast(points[0], dtype, precision), y)[1]
        return [Raw(np.reshape(np.asarray(delta, np.float64), (1, *points[0].shape)), dtype_name(delta))]

    title = type(loss).__name__
    return Problem(title, ("z",), _points([z]), (dtype,), evaluate, (Route("gradient", dense),), complex_steps=True)


def network_problem(net: Network, x: Any, theta: Any, y: Any, loss: Any) -> Problem:
    """Return the problem of a network: its gradient with a loss, its Jacobian products without one.

    Raises:
        OptionError: theta is not ``Parameters``.
    """
    if not isinstance(theta, Parameters):
        raise OptionError(f"check: theta is {type(theta).__name__}, expected Parameters, as of net.initialize(seed=0).")
    x = to_numpy(x)
    names, dtype = list(theta), dtype_name(x)
    points = _points([x, *(theta[name] for name in names)])
    shapes = theta.layout.shapes

    def split(points: Points, precision: str) -> tuple[Any, Any]:
        cast = [_cast(p, dtype, precision) for p in points]
        flat = [c.reshape(-1) for c in cast[1:]]
        vector = np.concatenate(flat) if flat else np.empty(0, cast[0].dtype)
        return type(theta)(theta.layout, vector), cast[0]

    def evaluate(points: Points, precision: str) -> Value:
        parameters, moved = split(points, precision)
        z = net.forward(parameters, moved)
        value = z if loss is None else np.asarray(loss.value(z, y))
        return Value(_wide(value), dtype_name(value), {})

    def gradients(points: Points, precision: str) -> list[Raw | None]:
        parameters, moved = split(points, precision)
        gradient = value_and_gradient(net, parameters, moved, y, loss)[1]
        first = input_gradient(net, parameters, moved, y, loss)
        arrays = [first, *(gradient[name] for name in names)]
        return [Raw(np.asarray(a, np.float64)[None], dtype_name(a)) for a in arrays]

    def pull(points: Points, precision: str, u: Any) -> list[Any]:
        parameters, moved = split(points, precision)
        back, gradient = vjp(net, parameters, moved)[1](_cast(u, dtype, precision))
        return [(np.asarray(a, np.float64), dtype_name(a)) for a in (back, *(gradient[name] for name in names))]

    def push(points: Points, precision: str, tangents: Points) -> Any:
        parameters, moved = split(points, precision)
        dtheta, dx = split(tangents, precision)
        dy = jvp(net, parameters, moved, dx, dtheta)[1]
        return np.asarray(dy, np.float64), dtype_name(dy)

    if loss is None:
        shape = evaluate(points, NATIVE).numbers.shape
        routes: tuple[Route, ...] = (
            Route("vjp", from_pulls(pull, lambda: shape), pull=pull),
            Route("jvp", from_pushes(push), push=push),
        )
    else:
        routes = (Route("gradient", gradients),)
    labels = ("x", *names)
    title = f"Network of {len(net)} layers, {sum(int(np.prod(s, dtype=int)) for s in shapes.values())} parameters"
    return Problem(title, labels, points, (dtype,) * len(labels), evaluate, routes, complex_steps=True)


Factor = tuple[str, Layer, dict[str, Any], Any]
"""A layer with its place, its parameters, and the input that it has there."""


def factors(net: Network, theta: Any, x: Any) -> Iterable[Factor]:
    """Yield every layer of a network in order, the parts of a combinator before it."""
    yield from _chain(net.chain, dict(theta), to_numpy(x), "")


def _chain(chain: Any, theta: dict[str, Any], x: Any, place: str) -> Iterable[Factor]:
    for index, layer in enumerate(chain.layers):
        own = {n.split(".", 1)[1]: v for n, v in theta.items() if n.split(".", 1)[0] == str(index)}
        where = f"{place}{index}"
        yield from _inside(layer, own, x, where)
        yield where, layer, own, x
        x = layer.forward(own, x)


def _inside(layer: Layer, theta: dict[str, Any], x: Any, where: str) -> Iterable[Factor]:
    """Yield the parts of a combinator before it, so that the innermost fault is named."""
    if isinstance(layer, Chain):
        yield from _chain(layer, theta, x, f"{where}.")
        return
    for index, part in enumerate(getattr(layer, "parts", ())):
        shared = hasattr(layer, "times")
        own = {n.split(".", 1)[1]: v for n, v in theta.items() if n.split(".", 1)[0] == str(index)}
        inner = f"{where}.{index}"
        yield from _inside(part, own, x, inner)
        yield inner, part, own, x
        if shared:
            return


def _wide(y: Any) -> Any:
    y = np.asarray(y)
    return y if y.dtype.kind == "c" else y.astype(np.float64)
