"""A network: the composition of its layers, its parameters, and the checks at its door."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .arrays import (
    Array,
    beside,
    detached,
    dtype_name,
    is_numpy,
    keep_freed_memory,
    namespace,
    plain,
    require_floating,
    to_numpy,
)  # fmt: skip
from .errors import DtypeError, NonFiniteError, OptionError, ShapeError
from .layers import Chain, Layer, Steps, describe, layer_from
from .layers.verification import verify
from .operators import Operator
from .options import check_whole
from .parameters import Layout, Parameters
from .pytrees import declare_constant, register_waiting

__all__ = ["Network"]


class Network:
    r"""The composition x_L = f_L(... f_1(x_0, theta_1) ..., theta_L).

    A network holds no arrays: parameters are a second thing, ``theta``, made by ``initialize``. Parameters are
    named by the layer's index and their name in the layer, ``"0.weight"``; inside combinators ``"2.0.weight"``.

    Shapes:
        x: (batch, \*input_shape)
        forward: (batch, \*output_shape)
        theta.vector: (P,)

    Args:
        layers: layers, combinators, or nested lists of them.

    Raises:
        OptionError: an entry is not a layer.
    """

    __slots__ = ("_checked", "_verified", "chain", "layout")

    def __init__(self, layers: Iterable[Any]) -> None:
        if not isinstance(layers, Iterable):
            raise OptionError(
                f"Network: {layers!r:.60} came, expected a list of layers, as in Network([Linear(3, 2)])."
            )
        self.chain = Chain(tuple(layers))
        self.layout = Layout(self.chain.parameter_shapes)
        self._checked: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._verified: set[tuple[int, ...]] = set()
        keep_freed_memory()
        register_waiting()

    # -- structure ----------------------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in order."""
        return self.chain.layers

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.chain == other.chain

    def __hash__(self) -> int:
        return hash(self.chain)

    def __repr__(self) -> str:
        inner = ",\n".join(f"    {layer!r}" for layer in self.layers)
        return f"Network([\n{inner},\n])"

    def _repr_html_(self) -> str:
        from .layers.showing import layers_html

        return layers_html("Network", self.layers)

    def _repr_latex_(self) -> str:
        from .layers.showing import composition_latex

        return composition_latex(self.layers)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one output, given that of one input.

        Raises:
            ShapeError: a layer does not fit; the message names it and its position.
        """
        result = self._checked.get(shape)
        if result is None:
            result = self._checked[shape] = self.chain.output_shape(shape)
        return result

    def describe(self) -> list[dict[str, Any]]:
        """Return the layers as plain data, for files."""
        return [describe(layer) for layer in self.layers]

    @staticmethod
    def from_description(description: Any) -> "Network":
        """Return the network that ``describe`` wrote down.

        Raises:
            OptionError: a layer or setting is unknown; the message names its position.
        """
        if not isinstance(description, list) or not description:
            raise OptionError(f"a network's description is {description!r:.60}, expected a list of layers.")
        layers = []
        for index, entry in enumerate(description):
            try:
                layers.append(layer_from(entry))
            except OptionError as error:
                raise OptionError(f"layer {index}: {error}") from None
        return Network(layers)

    # -- parameters ---------------------------------------------------------------------------------------

    def initialize(self, seed: int = 0, dtype: Any = "float32", like: Array | None = None) -> Parameters:
        """Return starting values for all parameters, the same for the same seed.

        Args:
            seed: of NumPy's PCG64; layers draw in order, so a longer network starts like a shorter one.
            dtype: of NumPy parameters, ``"float32"`` or ``"float64"``.
            like: an array whose library, dtype and device the parameters take instead.

        Raises:
            OptionError: the seed is not a whole number of at least 0.
            DtypeError: the dtype is not floating.
            ShapeError: a layer's ``initialize`` leaves a parameter out or gives it another shape.
        """
        seed = check_whole("Network.initialize", "seed", seed, 0)
        generator = np.random.Generator(np.random.PCG64(seed))
        values = self.chain.initialize(generator)
        arrays = [self._starting(name, values) for name in self.layout.shapes]
        vector = np.concatenate(arrays) if arrays else np.empty(0)
        if like is None:
            try:
                vector = vector.astype(dtype)
            except TypeError:
                raise DtypeError(f"Network.initialize: dtype={dtype!r:.40}, expected 'float32' or 'float64'.") from None
            require_floating(vector, "Network.initialize")
        else:
            device = {} if is_numpy(like) else {"device": like.device}
            vector = namespace(like).asarray(vector.astype(dtype_name(like)), **device)
        return Parameters(self.layout, vector)

    def _starting(self, name: str, values: Mapping[str, Any]) -> Any:
        shape, value = self.layout.shapes[name], values.get(name)
        if value is None or np.shape(value) != shape:
            index = int(name.split(".")[0])
            came = "no values" if value is None else f"values of shape {np.shape(value)}"
            raise ShapeError(
                f"layer {index}, {self[index].label}: initialize gave {came} for {name!r}, expected {shape}."
            )
        return np.asarray(value, dtype=np.float64).reshape(-1)

    def parameters(self, arrays: Mapping[str, Array]) -> Parameters:
        """Return parameters with the given arrays, by name, copied into one vector.

        Raises:
            ShapeError: a name is missing or unknown, or a shape differs.
            DtypeError: an array is masked.
        """
        for name in arrays:
            if name not in self.layout.shapes:
                raise ShapeError(f"Network.parameters: no parameter {name!r}, expected {list(self.layout.shapes)}.")
        flat = []
        for name, shape in self.layout.shapes.items():
            if name not in arrays or tuple(arrays[name].shape) != shape:
                came = f"has shape {tuple(arrays[name].shape)}" if name in arrays else "is missing"
                raise ShapeError(f"Network.parameters: {name!r} {came}, expected shape {shape}.")
            array = plain(arrays[name], f"Network.parameters: {name!r}")
            flat.append(namespace(array).reshape(array, (-1,)))
        return Parameters(self.layout, namespace(flat[0]).concat(flat) if flat else np.empty(0))

    # -- evaluation ---------------------------------------------------------------------------------------

    def forward(self, theta: Parameters, x: Array) -> Array:
        """Return x_L for every example.

        Raises:
            ShapeError, DtypeError: x or theta does not fit; the message names the layer.
            NonFiniteError: NaN or infinity comes out (NumPy); the message names where it arises first.
        """
        x = self._check(theta, x)
        y = self.chain.value(theta, x)
        if type(y) is np.ndarray and y.dtype.kind != "O" and not np.isfinite(y).all():
            raise self.first_nonfinite(theta, x) or NonFiniteError(f"Network: the output holds {_first_bad(y)}.")
        return y

    __call__ = forward

    def linearize(self, theta: Parameters, x: Array) -> Steps:
        """Return the layers' linearizations: a sequence of steps with ``output``, ``A`` and ``B``.

        Raises:
            ShapeError, DtypeError: x or theta does not fit, or, looked at once for every shape of x, a layer's
                Jacobians do not fit its shapes; the message names the layer.
        """
        x = self._check(theta, x)
        steps = self.chain.linearized(theta, x)
        if x.shape[1:] not in self._verified:
            verify(self.chain, steps, tuple(x.shape[1:]))
            self._verified.add(tuple(x.shape[1:]))
        return steps

    def jacobians(self, theta: Parameters, x: Array) -> list[tuple[Operator, Mapping[str, Operator]]]:
        """Return (A_l, B_l) for every layer l."""
        return [(step.A, step.B) for step in self.linearize(theta, x)]

    def training(self, step: int) -> "Network":
        """Return the network as it acts in one training step: with that step's dropout masks."""
        chain = self.chain.training(step)
        if chain is self.chain:
            return self
        network = Network(chain.layers)  # type: ignore[attr-defined]
        # Only masks differ: what is known of shapes stays known.
        network.layout, network._checked, network._verified = self.layout, self._checked, self._verified
        return network

    # -- checks -------------------------------------------------------------------------------------------

    def _check(self, theta: Parameters, x: Array) -> Array:
        """Return x as the layers take it, without PyTorch's record of where it came from."""
        try:
            ndim, layout = x.ndim, theta.layout
        except AttributeError:
            raise _not_arrays(theta, x) from None
        if ndim < 2:
            raise ShapeError(f"Network: input has shape {tuple(x.shape)}, expected a batch axis first, as in x[None].")
        shape = x.shape[1:]
        if shape not in self._checked:
            self.output_shape(tuple(shape))
        if layout is not self.layout and layout.shapes != self.layout.shapes:
            raise ShapeError(_layout_difference(self.layout.shapes, layout.shapes))
        like = theta.like
        if type(x) is not np.ndarray or type(like) is not np.ndarray or x.dtype != like.dtype:
            _check_mixed(like, x)
        require_floating(x, "Network: input")
        return detached(x, "Network: input")

    def first_nonfinite(self, theta: Parameters, x: Array) -> NonFiniteError | None:
        """Return an error naming the first place where NaN or infinity arises, None if all is finite."""
        for name in theta:
            if not _finite(theta[name]):
                return NonFiniteError(f"parameter {name!r} holds {_first_bad(theta[name])}, expected finite numbers.")
        if not _finite(x):
            return NonFiniteError(f"the input holds {_first_bad(x)}, expected finite numbers.")
        with np.errstate(all="ignore"):
            for index, step in enumerate(self.chain.linearized(theta, detached(x, "the input"))):
                if not _finite(step.output):
                    label = self.layers[index].label
                    return NonFiniteError(f"layer {index}, {label}: its output holds {_first_bad(step.output)}.")
        return None


def _not_arrays(theta: Any, x: Any) -> DtypeError:
    if not isinstance(theta, Parameters):
        hint = "net.parameters(arrays)" if isinstance(theta, Mapping) else "net.initialize() or theta.with_vector(v)"
        return DtypeError(f"Network: theta is of type {type(theta).__name__}, expected Parameters, as {hint} gives.")
    return DtypeError(
        f"Network: input is of type {type(x).__name__}, expected an array; convert it, as in np.asarray(x, 'float32')."
    )


def _layout_difference(expected: Mapping[str, Any], came: Mapping[str, Any]) -> str:
    for name, shape in expected.items():
        if name not in came:
            return f"Network: theta has no parameter {name!r}, expected shape {shape}; was it made by this network?"
        if came[name] != shape:
            return f"Network: theta[{name!r}] has shape {came[name]}, expected {shape}."
    extra = sorted(set(came) - set(expected))
    return f"Network: theta has parameters {extra} that the network has not; was it made by this network?"


def _check_mixed(vector: Array, x: Array) -> None:
    beside(x, vector, "Network: input", "theta")
    plain(vector, "Network: theta")
    require_floating(x, "Network: input")
    if x.dtype != vector.dtype:
        name = dtype_name(vector)
        raise DtypeError(
            f"Network: input has dtype {dtype_name(x)}, theta {name}, expected one dtype; convert one, "
            f"as in x.astype('{name}')."
        )


def _finite(array: Array) -> bool:
    if is_numpy(array) and array.dtype.kind == "O":
        return True
    xp = namespace(array)
    return bool(xp.all(xp.isfinite(array)))


def _first_bad(array: Array) -> str:
    values = to_numpy(array)
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    return f"{values[where]} at {where}"


declare_constant(Network)
