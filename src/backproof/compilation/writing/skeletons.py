"""What stands around the lines of a program: its head, reading parameters and data, training, printing.

The parts in ``@``-signs are filled in by ``writer.py``. Everything else is the program's text as it will stand.
"""

from collections.abc import Mapping

__all__ = ["HEADS", "MAINS", "READERS", "TRAINERS"]

HEADS: Mapping[str, str] = {
    "numpy": """\
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
@imports@
Array = NDArray[Any]
""",
    "torch": """\
import json
import sys
from pathlib import Path

import numpy as np
import torch

Array = torch.Tensor
""",
    "jax": """\
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
@imports@""",
}
"""Imports and the type of an array, by library."""

READERS: Mapping[str, str] = {
    library: f'''\
def read(path: str | Path) -> Theta:
    """Return the parameters in a model file: a size, a table in JSON, the numbers."""
    raw, theta = Path(path).read_bytes(), {{}}
    start = 8 + int.from_bytes(raw[:8], "little")
    for name, entry in json.loads(raw[8:start]).items():
        if name.startswith("parameter."):
            kind, place = f"float{{entry['dtype'][1:]}}", start + entry["data_offsets"][0]
            array = np.ndarray(entry["shape"], kind, raw, place).copy()
            theta[name.removeprefix("parameter.")] = {parameter}
    return theta


def data(path: str | Path | None) -> tuple[Array, Array]:
    """Return inputs and targets, from an NPZ file or drawn at random."""
    rng = np.random.default_rng(0)
    pair = {{"x": rng.standard_normal(@shape@), "y": @targets@}}
    if path is not None:
        pair = dict(np.load(path))
    return @x@, @y@
'''
    for library, parameter in (
        ("numpy", "array"),
        ("torch", "torch.from_numpy(array)"),
        ("jax", "jnp.asarray(array)"),
    )
}
"""The functions that read parameters, in the safetensors format, and inputs and targets, by library."""

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
    theta = read(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / MODEL)
    x, y = data(sys.argv[2] if len(sys.argv) > 2 else @data@)
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
{_ARGUMENTS}    for when in ("before", "after"):
        theta = train(theta, x, y) if when == "after" else theta
        loss, gradient = loss_and_gradient(theta, x, y)
        norm = sum(float((g * g).sum()) for g in gradient.values()) ** 0.5
        print(f"{{when}}: loss {{float(loss):.9g}}, gradient norm {{norm:.9g}}")
''',
    "jacobian": f'''\
def main() -> None:
    """Print the Jacobians' shape, and the norm of all their entries."""
{_ARGUMENTS.replace("x, y =", "x, _ =")}    J = jacobian(theta, x)
    print(f"Jacobian {{tuple(J.shape)}}, norm {{float((J * J).sum()) ** 0.5:.9g}}")
''',
}
"""What the program does when it is run, by what it computes."""
