"""What stands around the lines of a program: its head, reading parameters and data, training, printing.

The parts in ``@``-signs are filled in by ``writer.py``. Everything else is the program's text as it will stand.
"""

from collections.abc import Mapping

__all__ = ["HEADS", "MAINS", "READ", "READERS", "TRAINERS"]

HEADS: Mapping[str, str] = {
    "numpy": """\
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
@imports@
Array = NDArray[Any]
""",
    "torch": """\
import sys

import numpy as np
import torch
from safetensors.torch import load_file

Array = torch.Tensor
""",
    "jax": """\
import sys

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.flax import load_file

Array = jax.Array
@imports@""",
}
"""Imports and the type of an array, by library."""

READ = '''\
def read(path: str, prefix: str = "parameter.") -> Theta:
    """Return the parameters in a model file."""
    arrays = load_file(path).items()
    return {k.removeprefix(prefix): v for k, v in arrays if k.startswith(prefix)}
'''
"""The function that reads parameters, the same for all."""

_TENSOR_READER = '''\
def data(path: str | None) -> tuple[Array, Array]:
    """Return inputs and targets, from an NPZ file or drawn at random."""
    if path is not None:
        with np.load(path) as file:
            x, y = file["x"].astype(np.@dtype@), file["y"]@ycast@
    else:
        rng = np.random.default_rng(0)
        x = rng.standard_normal(@shape@).astype(np.@dtype@)
        y = @targets@
    return {take}(x), {take}(y)
'''

READERS: Mapping[str, str] = {
    "numpy": '''\
def data(path: str | None) -> tuple[Array, Array]:
    """Return inputs and targets, from an NPZ file or drawn at random."""
    if path is not None:
        with np.load(path) as file:
            return file["x"].astype(np.@dtype@), file["y"]@ycast@
    rng = np.random.default_rng(0)
    x = rng.standard_normal(@shape@).astype(np.@dtype@)
    return x, @targets@
''',
    "torch": _TENSOR_READER.format(take="torch.from_numpy"),
    "jax": _TENSOR_READER.format(take="jnp.asarray"),
}
"""The function that reads inputs and targets, by library."""

TRAINERS: Mapping[str, str] = {
    library: f'''\
def train(theta: Theta, x: Array, y: Array, epochs: int = 10) -> Theta:
    """Return the parameters after training by Adam, rate 0.001, on batches of 64."""
    rng, step = np.random.default_rng(0), 0
    m, v = ({{k: {zeros}(array) for k, array in theta.items()}} for _ in "mv")
    for epoch in range(epochs):
        order, total = rng.permutation(len(x)), 0.0
        for start in range(0, len(x), 64):
            rows = order[start : start + 64]
            loss, gradient = loss_and_gradient(theta, x[rows], y[rows])
            step, total = step + 1, total + float(loss) * len(rows)
            for name, g in gradient.items():
                m[name] = 0.9 * m[name] + 0.1 * g
                v[name] = 0.999 * v[name] + 0.001 * g * g
                mean, square = m[name] / (1 - 0.9**step), v[name] / (1 - 0.999**step)
                theta[name] = theta[name] - 0.001 * mean / ({sqrt}(square) + 1e-8)
        print(f"epoch {{epoch + 1}}: loss {{total / len(x):.6g}}")
    return theta
'''
    for library, zeros, sqrt in (
        ("numpy", "np.zeros_like", "np.sqrt"),
        ("torch", "torch.zeros_like", "torch.sqrt"),
        ("jax", "jnp.zeros_like", "jnp.sqrt"),
    )
}
"""The training loop, by library."""

_ARGUMENTS = """\
    arguments = sys.argv[1:]
    theta = read(arguments[0] if arguments else MODEL)
    x, y = data(arguments[1] if len(arguments) > 1 else @data@)
"""

MAINS: Mapping[str, str] = {
    "gradient": f'''\
def main() -> None:
    """Print the loss, and the norm of its gradient."""
{_ARGUMENTS}    loss, gradient = loss_and_gradient(theta, x, y)
    norm = sum(float((g * g).sum()) for g in gradient.values()) ** 0.5
    print(f"loss {{float(loss):.9g}}, gradient norm {{norm:.9g}}")
''',
    "train": f'''\
def main() -> None:
    """Train, and print the loss and the norm of its gradient before and after."""
{_ARGUMENTS}    for parameters in (theta, train(dict(theta), x, y)):
        loss, gradient = loss_and_gradient(parameters, x, y)
        norm = sum(float((g * g).sum()) for g in gradient.values()) ** 0.5
        print(f"loss {{float(loss):.9g}}, gradient norm {{norm:.9g}}")
''',
    "jacobian": f'''\
def main() -> None:
    """Print the Jacobians' shape, and the norm of all their entries."""
{_ARGUMENTS.replace("x, y =", "x, _ =")}    J = jacobian(theta, x)
    print(f"Jacobian {{tuple(J.shape)}}, norm {{float((J * J).sum()) ** 0.5:.9g}}")
''',
}
"""What the program does when it is run, by what it computes."""
