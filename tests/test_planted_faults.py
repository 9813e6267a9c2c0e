"""Faults planted into the library's own formulas, one at a time: the suite's oracles catch every one."""

import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.errors import ShapeError
from backproof.operators import PRODUCTS
from cases import LAYER_CASES, LOSS_CASES, OPERATOR_CASES, Maker
from networks import draw_network
from oracles import (
    agree,
    check_layer_with_steps,
    check_layer_with_torch,
    check_loss_with_torch,
    check_operator,
    check_orders,
    check_product,
)


def layer(name: str) -> None:
    """Every case of one layer, in both dtypes, with and without places."""
    for case in LAYER_CASES:
        if case.name == name:
            for places in ((), (2,)) if case.axes else ((),):
                check_layer_with_torch(case, 4, 3, 3, places)
                check_layer_with_torch(case, 4, 3, 2, places, dtype="float32")
            check_layer_with_steps(case, "complex step", 4, 3, 2)


def loss(name: str) -> None:
    """Every case of one loss, mean and sum, weighted and not."""
    for case in LOSS_CASES:
        if case.name == name:
            for reduction in ("mean", "sum"):
                for weighted in (False, True):
                    check_loss_with_torch(case, 3, 4, reduction, weighted)


def operator(name: str) -> None:
    """Every case of one structure."""
    for structure, build in OPERATOR_CASES:
        for mode in ("shared", "each") if structure == name else ():
            for shape in ((4, 4), (2, 6), (6, 2)):
                built = build(Maker(mode), *shape)
                if built is not None:
                    check_operator(built, np.asarray)


def product(left: str, right: str) -> None:
    """Every product of the cases of two structures."""
    firsts = [build for name, build in OPERATOR_CASES if name == left]
    seconds = [build for name, build in OPERATOR_CASES if name == right]
    for maker in (Maker("shared"), Maker("each")):
        for first in firsts:
            for second in seconds:
                one, two = first(maker, 4, 4), second(maker, 4, 4)
                if one is not None and two is not None:
                    check_product(one, two, np.ones(1))


def orders() -> None:
    """Random networks in three orders, and PyTorch's gradient."""
    for seed in range(6):
        drawn = draw_network(seed, 4)
        gradient = check_orders(drawn.net, drawn.theta, drawn.x, drawn.y, drawn.loss)
        _, by_theta, _ = drawn.torch_gradient()
        agree(gradient.vector, by_theta, 1e-9, "gradient")


E, P, N = "layers.elementwise", "layers.piecewise", "layers.normalization"
FAULTS: tuple[tuple[str, str, str, str, Callable[..., None], tuple[str, ...]], ...] = (
    # what, function, its text, the fault, the oracle and its arguments
    ("1 - y for 1 - y^2", f"{E}:Tanh.derivative", "1 - y * y", "1 - y", layer, ("Tanh",)),
    ("sign of the derivative", f"{E}:LogSigmoid.derivative", "sigmoid(-x)", "-sigmoid(-x)", layer, ("LogSigmoid",)),
    ("sigmoid of the wrong tail", f"{E}:LogSigmoid.derivative", "sigmoid(-x)", "sigmoid(x)", layer, ("LogSigmoid",)),
    ("factor y forgotten", f"{E}:Sigmoid.derivative", "y * (1 - y)", "1 - y", layer, ("Sigmoid",)),
    ("inner derivative forgotten", f"{E}:Sine.derivative", "self.frequency * namespace", "namespace", layer, ("Sine",)),
    ("alpha forgotten", f"{E}:ELU.derivative", "self.alpha * ", "", layer, ("ELU",)),
    ("3 k forgotten", f"{E}:GELU.derivative", "1 + 3 *", "1 +", layer, ("GELU",)),
    ("product rule cut short", f"{E}:SiLU.derivative", "s * (1 + x * (1 - s))", "s", layer, ("SiLU",)),
    ("float64 leak", f"{E}:Tanh.derivative", "1 - y * y", "1 - (y * y).astype('float64')", layer, ("Tanh",)),
    ("kink moved", f"{P}:Hardtanh.derivative", "x < self.high", "x < 2 * self.high", layer, ("Hardtanh",)),
    ("rank-one term dropped", "layers.softmax:Softmax.jacobians", "-y[:, :, None]", "0 * y[:, :, None]", layer,
     ("Softmax",)),
    ("rank-one term transposed", "layers.softmax:LogSoftmax.jacobians", "-xp.ones_like(s), s", "s, -xp.ones_like(s)",
     layer, ("LogSoftmax",)),
    ("eps outside the root", f"{N}:LayerNorm._normalized", "/ n + self.eps)", "/ n) + self.eps", layer, ("LayerNorm",)),
    ("n - 1 for n", f"{N}:LayerNorm._normalized", "total(centred * centred) / n", "total(centred * centred) / (n - 1)",
     layer, ("LayerNorm",)),
    ("gain forgotten in A", f"{N}:RMSNorm.jacobians", "(d * h / -self.features)", "(h / r / -self.features)", layer,
     ("RMSNorm",)),
    ("mean term dropped", f"{N}:LayerNorm._jacobians", "[xp.ones_like(h), h]", "[xp.zeros_like(h), h]", layer,
     ("LayerNorm",)),
    ("eps forgotten", f"{N}:RMSNorm._root", " + self.eps", "", layer, ("RMSNorm",)),
    ("weight transposed in B", "layers.linear:Linear.jacobians", "Kronecker(identity, Dense(x[:, None, :]))",
     "Kronecker(Dense(x[:, None, :]), identity)", layer, ("Linear",)),
    ("bias counted twice", "layers.linear:Linear.value", 'theta["bias"]', '2 * theta["bias"]', layer, ("Linear",)),
    ("bias gradient missing", "layers.linear:Linear.jacobians", 'B["bias"] = identity', "pass", layer, ("Linear",)),
    ("weight's wrong columns", "layers.linear:AugmentedLinear.jacobians", "[:, : self.in_features]", "[:, 1:]", layer,
     ("AugmentedLinear",)),
    ("identity of the residual forgotten", "layers.composed:Branches.of_residual", "direct=True", "direct=False",
     layer, ("Residual",)),
    ("shared step overwritten, not summed", "backpropagation:_Blocks.add", "self.blocks[name] +=",
     "self.blocks[name][...] =", orders, ()),
    ("wrong factor in a product of branches", "layers.combinators:Product.linearized", "if j != i", "if j == i",
     layer, ("Product",)),
    ("branches swapped", "layers.composed:Branches.A", "in zip(self.joints, self.steps, strict=True)",
     "in zip(self.joints[::-1], self.steps, strict=True)", layer, ("Product",)),
    ("order of the product reversed", "layers.composed:_Sequence.A", "reversed(self.steps)", "self.steps", layer,
     ("Shared",)),
    ("a place lost", "operators.places:Stack._pull", "xp.sum(rows, axis=2)", "rows[:, :, 0, :]", operator, ("stack",)),
    ("wrong axis", "operators.places:Stack._pull", "axis=2", "axis=1", operator, ("stack",)),
    ("transpose forgotten", "operators.dense:Dense.transpose", "self.matrix.mT", "self.matrix", operator, ("dense",)),
    ("U and V not exchanged", "operators.low_rank:LowRankUpdate.transpose", "self.V, self.U", "self.U, self.V",
     operator, ("low-rank update",)),
    ("left factor not transposed", "operators.kronecker:Kronecker.transpose", "self.left.transpose()", "self.left",
     operator, ("kronecker",)),
    ("base forgotten", "operators.products:_low_rank_times_low_rank", "left.push(_as_rows(right.U))",
     "left.base.push(_as_rows(right.U))", product, ("low-rank update", "low-rank update")),
    ("one block for all", "operators.products:_row_times_column", "multiply(a, b)", "multiply(left.parts[0], b)",
     product, ("row", "column")),
    ("only the first example", "arrays:batch_sum", "matmul(ones, u", "matmul(ones[:1], u[:1]", orders,
     ()),
    ("factor 1/2 missing", "losses.regression:SquaredError._losses", " / 2", "", loss, ("SquaredError",)),
    ("mean for sum", "losses.base:Loss._factor", '1 if self.reduction == "sum" or z.shape[0] == 1 else', "", loss,
     ("Huber",)),
    ("y - z for z - y", "losses.regression:SquaredError._gradient", "z - t", "t - z", loss, ("SquaredError",)),
    ("mass of the targets forgotten", "losses.classification:CrossEntropy._gradient", "* total(t) - t", "- 2 * t",
     lambda: _gradient_alone("CrossEntropy"), ()),
    ("rank-one term of the Hessian dropped", "losses.classification:CrossEntropy._hessian", "-weighted[:, :, None]",
     "0 * weighted[:, :, None]", loss, ("CrossEntropy",)),
    ("smoothing without 1/n", "losses.classification:CrossEntropy._targets", "self.smoothing / z.shape[1]",
     "self.smoothing", loss, ("CrossEntropy",)),
    ("weights not normalised", "losses.base:Loss._factor", "weights / together", "weights", loss, ("Poisson",)),
    ("a dropped block", "layers.base:Closed.backward", "in self._B.items()", "in list(self._B.items())[1:]", orders,
     ()),
    ("bias block missing in a network", "layers.linear:Linear.jacobians", 'B["bias"] = identity', "pass", orders, ()),
    ("first step skipped", "chain.recursion:backpropagate", "reversed(range(len(steps)))",
     "reversed(range(1, len(steps)))", orders, ()),
)  # fmt: skip


def _gradient_alone(name: str) -> None:
    """The gradient formula by itself, which the joint formula of value and gradient does not use."""
    case = next(case for case in LOSS_CASES if case.name == name)
    g = np.random.default_rng(0)
    z, y = g.normal(size=(3, 4)), case.targets(g, 3, 4)
    t = case.loss._targets(z, y)
    agree(case.loss._gradient(z, t), case.loss._both(z, t)[1], 1e-12, "gradient")


def plant(monkeypatch: pytest.MonkeyPatch, where: str, text: str, fault: str) -> None:
    """Put a copy of a function in its place in which ``text``, found exactly once, is replaced."""
    module_name, path = where.split(":")
    module = importlib.import_module(f"backproof.{module_name}")
    *owners, name = path.split(".")
    owner = module
    for part in owners:
        owner = getattr(owner, part)
    original = inspect.getattr_static(owner, name)
    function = getattr(original, "fget", None) or getattr(original, "__func__", original)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(text) == 1, f"{where} has {text!r} {source.count(text)} times:\n{source}"
    space: dict[str, Any] = {}
    exec(compile(source.replace(text, fault), where, "exec"), vars(module), space)
    if owners:
        monkeypatch.setattr(owner, name, space[name])
        return
    for other in [m for key, m in sys.modules.items() if key.startswith("backproof")]:
        if vars(other).get(name) is original:
            monkeypatch.setattr(other, name, space[name])
    for pair, rule in PRODUCTS.items():
        if rule.apply is original:
            monkeypatch.setitem(PRODUCTS, pair, replace(rule, apply=space[name]))


def test_at_least_twenty_faults_of_different_kinds_are_planted() -> None:
    assert len({what for what, *_ in FAULTS}) == len(FAULTS) >= 20


@pytest.mark.parametrize(("what", "where", "text", "fault", "oracle", "arguments"), FAULTS, ids=[f[0] for f in FAULTS])
def test_fault_is_caught(
    what: str, where: str, text: str, fault: str, oracle: Any, arguments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle(*arguments)  # the sound formula passes
    plant(monkeypatch, where, text, fault)
    # A parameter that was never visited is refused by the gradient itself, before any oracle.
    with pytest.raises((AssertionError, ShapeError) if oracle is orders else AssertionError):
        oracle(*arguments)


ALONE: dict[str, Callable[[Any], None]] = {
    "PyTorch": lambda case: check_layer_with_torch(case, 4, 3, 3),
    "complex step": lambda case: check_layer_with_steps(case, "complex step", 4, 3, 3),
    "differences": lambda case: check_layer_with_steps(case, "differences", 4, 3, 3),
}
IN_EVERY_SIGHT = [f for f in FAULTS if f[0] in ("1 - y for 1 - y^2", "mean term dropped", "weight transposed in B")]


@pytest.mark.parametrize("oracle", ALONE)
@pytest.mark.parametrize(("where", "text", "fault", "name"), [(f[1], f[2], f[3], f[5][0]) for f in IN_EVERY_SIGHT])
def test_every_oracle_of_layers_catches_a_fault_by_itself(
    oracle: str, where: str, text: str, fault: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(case for case in LAYER_CASES if case.name == name)
    ALONE[oracle](case)
    plant(monkeypatch, where, text, fault)
    with pytest.raises(AssertionError):
        ALONE[oracle](case)


def test_after_a_fault_the_library_is_sound_again() -> None:
    layer("Tanh")
    orders()


def test_planting_refuses_text_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="0 times"):
        plant(monkeypatch, f"{E}:Tanh.derivative", "2 - y", "1")
    assert bp.Tanh().derivative(np.zeros(1), np.zeros(1)) == 1
