"""Written programs compute what the library computes, without it, and read as programs should."""

import itertools
import json
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.compilation.writing import PURPOSES, idioms, write
from backproof.compilation.writing.expressions import Source, infix, prefix
from backproof.errors import KinkWarning, OptionError, ShapeError
from networks import Drawn, draw_network

LIBRARIES = tuple(idioms.IDIOMS)
DIGITS = bp.Network([bp.Linear(64, 32), bp.ReLU(), bp.Linear(32, 16), bp.Tanh(), bp.Linear(16, 10)])

PYTHON = (sys.executable, "-W", "error", "-W", "ignore::RuntimeWarning")
"""Some builds of BLAS raise floating-point flags for finite products, of which NumPy warns."""

QUICKLY = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""For JAX: half the time goes into making programs fast that run once."""

RUNNER = """
import json, runpy, sys
import numpy as np

for name in ("backproof", "safetensors"):
    sys.modules[name] = None  # an import of it would fail
library, folder, names = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
if library == "jax":
    import jax
    names.sort(key=lambda name: name[-1])  # changing the precision throws away what was compiled
    take = jax.numpy.asarray
elif library == "torch":
    import torch
    take = torch.from_numpy
else:
    take = np.asarray
for name in names:
    parts = runpy.run_path(f"{folder}/{name}_{library}.py")
    if library == "jax":
        jax.config.update("jax_enable_x64", name.endswith("d"))
    theta = parts["read"](f"{folder}/{name}.backproof")
    with np.load(f"{folder}/{name}.npz") as file:
        x, y = take(file["x"]), take(file["y"])
    loss, gradient = parts["loss_and_gradient"](theta, x, y)
    found = {key: np.asarray(value) for key, value in gradient.items()}
    np.savez(f"{folder}/{name}_{library}.npz", loss=np.asarray(loss), **found)
"""


def drawn(count: int) -> Iterator[tuple[Drawn, str]]:
    """Yield random networks of all layers, every second one in float32.

    Those whose dropout is in the middle of a training step are left out: a program is of one function.
    """
    for number in itertools.count():
        places = (2,) if number % 5 == 4 else ()
        net = draw_network(number, 1 + number % 6, batch=1 + number % 3, places=places)
        if "step=" not in repr(net.net):
            count -= 1
            yield net, "fd"[number % 2]
        if not count:
            return


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_fresh_interpreter_without_the_library_gets_the_same_loss_and_gradient(library: str, tmp_path: Path) -> None:
    expected: dict[str, Any] = {}
    for number, (net, kind) in enumerate(drawn(100)):
        dtype, name = {"f": "float32", "d": "float64"}[kind], f"net{number}{kind}"
        theta, x = net.theta.with_vector(net.theta.vector.astype(dtype)), net.x.astype(dtype)
        y = net.y if net.y.dtype.kind == "i" else net.y.astype(dtype)
        bp.Model(net.net, theta, net.loss, x.shape[1:]).save(tmp_path / f"{name}.backproof")
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
        source = write(net.net, net.loss, x.shape[1:], library=library, dtype=dtype, model="unused")
        (tmp_path / f"{name}_{library}.py").write_text(source)
        expected[name] = bp.value_and_gradient(net.net, theta, x, y, net.loss)
    names = ",".join(expected)
    quickly = {**os.environ, "XLA_FLAGS": QUICKLY}
    subprocess.run([*PYTHON, "-c", RUNNER, library, str(tmp_path), names], check=True, env=quickly)
    for name, (loss, gradient) in expected.items():
        with np.load(tmp_path / f"{name}_{library}.npz") as found:
            tolerance = 1e-12 if name.endswith("d") else 1e-5
            scale = max(1.0, float(np.abs(gradient.vector).max(initial=0)))
            assert abs(float(found["loss"]) - float(loss)) <= tolerance * max(1.0, abs(float(loss))), name
            assert set(found) == {"loss", *gradient}
            for key, block in gradient.items():
                assert found[key].dtype == block.dtype
                assert found[key].shape == block.shape
                assert np.abs(found[key] - block).max(initial=0) <= tolerance * scale, (name, key)


def run_written(source: str, path: Path, *arguments: Any) -> str:
    path.write_text(source)
    done = subprocess.run([*PYTHON, str(path), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def digits_model(tmp_path: Path) -> Path:
    path = tmp_path / "digits.backproof"
    bp.Model(DIGITS, DIGITS.initialize(0), bp.CrossEntropy(), (64,)).save(path)
    return path


def random_digits(n: int) -> tuple[Any, Any]:
    g = np.random.default_rng(0)
    return g.standard_normal((n, 64)).astype(np.float32), g.integers(10, size=n)


@pytest.mark.parametrize("library", LIBRARIES)
def test_run_by_itself_it_prints_loss_and_gradient_norm(library: str, digits_model: Path, tmp_path: Path) -> None:
    source = write(DIGITS, bp.CrossEntropy(), (64,), library=library, model=digits_model)
    words = run_written(source, tmp_path / "p.py").replace(",", "").split()
    x, y = random_digits(32)
    loss, gradient = bp.value_and_gradient(DIGITS, DIGITS.initialize(0), x, y, bp.CrossEntropy())
    assert float(words[1]) == pytest.approx(float(loss), rel=1e-5)
    assert float(words[4]) == pytest.approx(float(np.linalg.norm(gradient.vector)), rel=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_written_jacobian_is_that_of_the_library(library: str, digits_model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.npz"
    x, y = random_digits(3)
    np.savez(data, x=x, y=y)
    source = write(DIGITS, bp.CrossEntropy(), (64,), library=library, what="jacobian", model=digits_model, data=data)
    J = bp.dense_jacobian(DIGITS, DIGITS.initialize(0), x)
    out = run_written(source, tmp_path / "p.py")
    assert out.startswith("Jacobian (3, 10, 64), norm ")
    assert float(out.split()[-1]) == pytest.approx(float(np.sqrt((J * J).sum())), rel=1e-5)


def test_jacobians_of_all_layers_agree_entry_by_entry() -> None:
    for number, (net, _) in enumerate(drawn(60)):
        shape = net.x.shape[1:]
        source = write(net.net, net.loss, shape, what="jacobian", dtype="float64")
        scope: dict[str, Any] = {"__name__": "written"}
        exec(compile(source, "written.py", "exec"), scope)
        J = scope["jacobian"](dict(net.theta.items()), net.x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KinkWarning)
            expected = bp.dense_jacobian(net.net, net.theta, net.x).reshape(J.shape)
        assert np.abs(J - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max()), number


@pytest.mark.parametrize("library", LIBRARIES)
def test_training_lowers_the_loss(library: str, digits_model: Path, tmp_path: Path) -> None:
    source = write(DIGITS, bp.CrossEntropy(), (64,), library=library, what="train", model=digits_model)
    before, *epochs, after = run_written(source, tmp_path / "p.py").splitlines()
    assert [line.split(":")[0] for line in epochs] == [f"epoch {number}" for number in range(1, 11)]
    for line, when in ((before, "before"), (after, "after")):
        assert line.startswith(f"{when}: loss ")
    assert float(after.split()[2].rstrip(",")) < float(before.split()[2].rstrip(",")) - 0.05


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("what", PURPOSES)
def test_it_is_formatted_and_free_of_lint(library: str, what: str, tmp_path: Path) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    for name, net in {"digits": DIGITS, "mixed": MIXED}.items():
        path = tmp_path / f"{name}_{library}.py"
        path.write_text(write(net, bp.CrossEntropy(), (64,), library=library, what=what))
        rules = "--select=E,F,W,I,B,UP,C4,SIM,RET,ANN"
        check = [*ruff, "check", "--isolated", rules, "--ignore=RET504", "--target-version=py311", str(path)]
        for line in ([*ruff, "format", "--isolated", "--check", str(path)], check):
            done = subprocess.run(line, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


MIXED = bp.Network(
    [
        bp.Linear(64, 32), bp.LayerNorm(32), bp.Residual([bp.Linear(32, 16), bp.GELU(), bp.Linear(16, 32)]),
        bp.Softmax(), bp.ELU(), bp.Concatenate([bp.Tanh(), bp.Linear(32, 3)]), bp.Linear(35, 10),
    ]
)  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("data", [None, "examples.npz"])
def test_three_layers_take_less_than_a_hundred_lines_with_an_equation_beside_each(
    library: str, data: str | None
) -> None:
    source = write(DIGITS, bp.CrossEntropy(), (64,), library=library, data=data)
    assert len(source.splitlines()) < 100
    assert "backproof" not in source.replace("model.backproof", "").replace("my_backprop", "")
    for line in ("# delta_2 = delta_3 A_3: (n, 32)", "# A_4 = d x_4 / d x_3, diagonal: (n, 16)"):
        assert line in source
    assert "delta2 = delta3 @ W3  # " in source


def test_the_same_network_gives_the_same_text() -> None:
    first, second = (write(MIXED, bp.CrossEntropy(), (64,)) for _ in range(2))
    assert first == second


def test_a_wrong_line_is_seen_by_the_comparison() -> None:
    source = write(DIGITS, bp.CrossEntropy(), (64,), dtype="float64")
    faulty = source.replace("A4 = 1 - x4 * x4", "A4 = 1 - x4")
    assert faulty != source
    theta = DIGITS.initialize(0, dtype="float64")
    x, y = random_digits(4)
    gradients = []
    for text in (source, faulty):
        scope: dict[str, Any] = {"__name__": "written"}
        exec(compile(text, "written.py", "exec"), scope)
        gradients.append(scope["loss_and_gradient"](dict(theta.items()), x.astype(float), y)[1]["0.weight"])
    exact = bp.gradient(DIGITS, theta, x.astype(float), y, bp.CrossEntropy())["0.weight"]
    assert np.abs(gradients[0] - exact).max() < 1e-12
    assert np.abs(gradients[1] - exact).max() > 1e-6


@pytest.mark.parametrize(
    ("left", "sign", "right", "expected"),
    [
        (Source("a + b", 5), "*", Source("c"), "(a + b) * c"),
        (Source("a * b", 6), "+", Source("c"), "a * b + c"),
        (Source("a"), "-", Source("b - c", 5), "a - (b - c)"),
        (Source("a - b", 5), "-", Source("c"), "a - b - c"),
        (Source("a"), "/", Source("b / c", 6), "a / (b / c)"),
        (Source("a > b", 1), "&", Source("c"), "(a > b) & c"),
        (Source("-a", 7), "*", prefix("-", Source("b + c", 5)), "-a * -(b + c)"),
        (Source("a > b", 1), "==", Source("c"), "(a > b) == c"),
    ],
)
def test_brackets_stand_where_they_must(left: Source, sign: str, right: Source, expected: str) -> None:
    assert infix(left, sign, right).text == expected


def test_quotes_in_file_names_stay_inside_their_string() -> None:
    path = 'a"b\\c\n__import__("os").abort()'
    source = write(DIGITS, bp.CrossEntropy(), (64,), model=path, data=path)
    scope: dict[str, Any] = {"__name__": "written"}
    exec(compile(source, "written.py", "exec"), scope)
    assert scope["MODEL"] == path
    assert json.dumps(path) in source


def test_what_cannot_be_written_is_named() -> None:
    for wrong, words in (
        ({"library": "tensorflow"}, "unknown library 'tensorflow'"),
        ({"what": "gradiant"}, "Did you mean 'gradient'"),
    ):
        with pytest.raises(OptionError, match=words):
            write(DIGITS, bp.CrossEntropy(), (64,), **wrong)
    with pytest.raises(ShapeError):
        write(DIGITS, bp.CrossEntropy(), (63,))
    with pytest.raises(OptionError, match="expected a loss"):
        write(DIGITS, "CrossEntropy", (64,))  # type: ignore[arg-type]
    with pytest.raises(
        OptionError, match=r"write: input_shape=64, expected whole numbers, as in \(28, 28\) or \(64,\)\."
    ):
        write(DIGITS, bp.CrossEntropy(), 64)  # type: ignore[arg-type]
    assert write(DIGITS, bp.CrossEntropy(), [64]) == write(DIGITS, bp.CrossEntropy(), (64,))  # type: ignore[arg-type]


def test_infinite_numbers_are_valid_python() -> None:
    texts = [idioms.number(value).text for value in (math.inf, -math.inf, -2.0)]
    assert texts == ['float("inf")', 'float("-inf")', "-2.0"]


def test_no_axis_is_put_in_and_taken_out_again() -> None:
    net = bp.Network([bp.RMSNorm(5), bp.Linear(5, 2)])
    source = write(net, bp.SquaredError(), (5,))
    assert "[:, None][:, 0]" not in source
    assert "broadcast_to" not in write(net, bp.SquaredError(), (5,), what="jacobian")
