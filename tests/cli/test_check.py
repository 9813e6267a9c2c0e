"""``backproof check``: exit codes, inputs, conventions of names, and one line for every mistake."""

import json
from pathlib import Path

import numpy as np
import pytest

FILE = """
import numpy as np

def softmax(x):
    powers = np.exp(x - x.max())
    return powers / powers.sum()

def softmax_jacobian(x):
    s = softmax(x)
    return np.diag(s) - np.outer(s, s)

def diagonal(x):
    s = softmax(x)
    return np.diag(s * (1 - s))

def product(a, b):
    return a * b

def product_vjp(a, b, u):
    return u * b, u * a

def product_jvp(a, b, da, db):
    return da * b + a * db

def inputs():
    return np.arange(1.0, 4.0), np.ones(3)

def loud(x):
    raise RuntimeError("no\\nsuch luck")

def loud_gradient(x):
    return x

def leaving(x):
    raise SystemExit(3)

def leaving_vjp(x, u):
    return x

def talking(x):
    print("here I am")
    return x

def talking_vjp(x, u):
    return u

class Layer:
    pass
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "layers.py"
    path.write_text(FILE)
    return path


def test_a_right_derivative_exits_with_0(cli, file):
    result = cli("check", f"{file}::softmax", "--input", 5)
    assert result.code == 0
    assert result.out.startswith("softmax: right")
    assert result.err == ""


def test_a_wrong_derivative_exits_with_1_and_the_report(cli, file):
    result = cli("check", f"{file}::softmax", "--input", "5", "--jacobian", "diagonal")
    assert result.code == 1
    assert result.out.startswith("softmax: WRONG: diagonal only")
    assert result.err == ""


def test_the_point_comes_from_the_file_without_input(cli, file):
    result = cli("check", f"{file}::product")
    assert result.code == 0
    assert result.out.count("(vjp): right") == result.out.count("(jvp): right") == 2


def test_inputs_come_from_files_and_shapes(cli, file, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(2, 3))
    np.savez(tmp_path / "b.npz", left=np.ones((2, 3)), right=np.zeros(1))
    assert cli("check", f"{file}::product", "--input", "a.npy", "--input", "b.npz:left").code == 0
    assert cli("check", f"{file}::product", "--input", "2x3", "--input", "2x3", "--dtype", "float32").code == 0
    assert "left, right: name one" in cli("check", f"{file}::product", "--input", "b.npz", "--input", "1").error
    assert "no array 'middle'" in cli("check", f"{file}::product", "--input", "b.npz:middle").error


def test_what_the_file_prints_stays_out_of_the_report(cli, file):
    result = cli("check", f"{file}::talking", "--input", 3, "--json")
    assert json.loads(result.out)["ok"]
    assert "here I am" in result.err


def test_json_and_page(cli, file, tmp_path):
    result = cli("check", f"{file}::softmax", "--input", 5, "--jacobian", "diagonal", "--json", "--html", "page.html")
    assert result.code == 1
    assert json.loads(result.out)["cause"] == "diagonal only"
    assert "<svg" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_a_torch_module_is_checked_from_the_shell_in_its_own_dtype(cli, tmp_path, dtype):
    path = tmp_path / "functions.py"
    path.write_text(f"import torch\nlayer = torch.nn.Linear(3, 2).{dtype}()\n")
    result = cli("check", f"{path}::layer", "--input", "4x3")
    assert result.code == 0
    assert "weight (vjp): right" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["layers.py"], "expected FILE.py::NAME"),
        (["nowhere.py::softmax"], "there is no file 'nowhere.py'"),
        (["layers.py::softmix", "--input", "3"], "Did you mean 'softmax'?"),
        (["layers.py::softmax", "--input", "3", "--jacobian", "diagonals"], "Did you mean 'diagonal'?"),
        (["layers.py::softmax", "--input", "three"], "expected an NPY file, an NPZ file or a shape such as 3x4"),
        (["layers.py::softmax", "--input", "3", "--dtype", "int8"], "expected float64 or float32"),
        (["layers.py::softmax", "--input", "3", "--oracle", "none"], "oracle='none'"),
        (["layers.py::diagonal", "--input", "3"], "without a derivative"),
        (["layers.py::loud", "--input", "3"], "RuntimeError: no such luck (layers.py, line 29)"),
        (["layers.py::leaving", "--input", "3"], "SystemExit: 3 (layers.py, line"),
        (["layers.py::product", "--input", "3"], "missing 1 required positional argument: 'b'"),
        (["broken.py::f", "--input", "3"], "running 'broken.py' failed: ZeroDivisionError"),
        (["text.txt::f", "--input", "3"], "no Python file"),
        (["layers.py::softmax", "--input", "3", "--html", "no/where.html"], "does not exist"),
    ],
)
def test_what_cannot_be_checked_exits_with_2_and_one_line(cli, file, tmp_path, arguments, words):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "text.txt").write_text("")
    result = cli("check", *arguments)
    assert result.code == 2
    assert words in result.error
    assert result.out == ""


def test_a_file_may_import_its_neighbours(cli, file, tmp_path):
    (tmp_path / "other.py").write_text("from layers import softmax, softmax_jacobian\n")
    assert cli("check", f"{tmp_path / 'other.py'}::softmax", "--input", 3).code == 0
