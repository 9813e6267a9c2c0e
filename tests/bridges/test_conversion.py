"""A PyTorch module and its network compute the same, from the same memory, in both directions."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import backproof as bp
from backproof.bridges.table import PAIRS
from backproof.layers import LAYERS
from cases import LAYER_CASES, LayerCase
from oracles import agree

LOOSE = {"CELU": 1e-7, "Hardsigmoid": 1e-7}
"""PyTorch holds float32 constants in these, even in float64."""


def _case_network(case: LayerCase) -> tuple[Any, Any, Any]:
    g, net = np.random.default_rng(0), bp.Network([case.layer])
    theta = net.initialize(0, like=torch.zeros(1, dtype=torch.float64))
    theta.vector.add_(torch.tensor(0.3 * g.normal(size=theta.vector.shape)))
    return net, theta, torch.tensor(g.normal(size=(3, *case.shape)))


def _autograd(module: Any, x: Any) -> tuple[Any, list[Any]]:
    x = x.clone().requires_grad_()
    y = module(x)
    weights = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    parameters = list(module.parameters())
    return y, list(torch.autograd.grad((weights * y).sum(), [x, *parameters]))


def _ours(net: Any, theta: Any, x: Any) -> tuple[Any, list[Any]]:
    y, pullback = bp.vjp(net, theta, x)
    back, gradient = pullback(torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape))
    return y, [back, *(gradient[name] for name in gradient)]


def _same(ours: Any, theirs: Any, rtol: float, what: str) -> None:
    agree(ours[0].detach(), theirs[0].detach(), rtol, f"{what}: output")
    for mine, their in zip(ours[1], theirs[1], strict=True):
        agree(mine, their, rtol, f"{what}: gradient")


CONVERTIBLE = [
    case for case in LAYER_CASES
    if not (getattr(case.layer, "step", None) is not None or repr(case.layer) == "LayerNorm(4, gain=False)")
]  # fmt: skip


@pytest.mark.parametrize("case", CONVERTIBLE, ids=lambda case: repr(case.layer))
def test_every_layer_becomes_a_module_and_comes_back(case: LayerCase) -> None:
    net, theta, x = _case_network(case)
    module = bp.to_torch(net, theta)
    rtol = LOOSE.get(case.name, 1e-12)
    _same(_ours(net, theta, x), _autograd(module, x), rtol, repr(case.layer))
    again, shared = bp.from_torch(module)
    assert repr(again).replace(", initialization='he'", "") == repr(net).replace(", initialization='he'", "")
    assert shared.vector.data_ptr() == theta.vector.data_ptr()
    assert [name for name, _ in module.named_parameters()] == list(theta)


def test_every_registered_layer_has_a_module() -> None:
    assert {pair.layer.__name__ for pair in PAIRS} == set(LAYERS)


def _mlp() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 8), nn.Identity(), nn.ReLU(),
        nn.Sequential(nn.Linear(8, 8, bias=False), nn.LayerNorm(8), nn.Sequential(nn.GELU(approximate="tanh"))),
        nn.Dropout(0.3), nn.RMSNorm(8), nn.Linear(8, 4), nn.Unflatten(1, (2, 2)), nn.Softmax(dim=-1),
    ).double()  # fmt: skip


def test_a_nested_module_keeps_its_names_and_numbers() -> None:
    module, x = _mlp().eval(), torch.randn(5, 2, 3, dtype=torch.float64)
    before = _autograd(module, x)
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    net, theta = bp.from_torch(module)
    _same(_ours(net, theta, x), before, 1e-12, "nested")
    assert list(theta) == [name for name, _ in module.named_parameters()]
    assert all(torch.equal(theta[name], state[name]) for name in theta)


def test_weights_are_shared_in_both_directions() -> None:
    module = _mlp()
    objects = list(module.parameters())
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    net, theta = bp.from_torch(module)
    assert all(a is b for a, b in zip(objects, module.parameters(), strict=True))
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    module(x).square().sum().backward()
    before = theta.vector.clone()
    optimizer.step()
    assert not torch.equal(theta.vector, before)
    theta.vector.zero_()
    assert all(not p.any() for p in module.parameters())
    assert torch.equal(net.forward(theta, x), module.eval()(x))


def test_a_second_conversion_finds_the_same_vector() -> None:
    module = _mlp()
    first, second = bp.from_torch(module)[1], bp.from_torch(module)[1]
    assert first.vector.data_ptr() == second.vector.data_ptr()
    with torch.no_grad():
        next(module.parameters()).data = torch.zeros(8, 6, dtype=torch.float64)
    third = bp.from_torch(module)[1]
    assert third.vector.data_ptr() != first.vector.data_ptr()


def test_numpys_weights_are_shared_and_jaxs_copied() -> None:
    net = bp.Network([bp.Linear(3, 2), bp.Tanh()])
    theta = net.initialize(0)
    module = bp.to_torch(net, theta)
    with torch.no_grad():
        module[0].bias.fill_(7)
    assert theta["0.bias"].tolist() == [7, 7]
    jax = pytest.importorskip("jax")
    jaxs = theta.with_vector(jax.numpy.asarray(theta.vector))
    with torch.no_grad():
        bp.to_torch(net, jaxs)[0].bias.fill_(8)
    assert jaxs["0.bias"].tolist() == [7, 7]


def test_a_single_module_is_a_network_of_one_layer() -> None:
    net, theta = bp.from_torch(nn.Linear(2, 3))
    assert net == bp.Network([bp.Linear(2, 3)])
    assert list(theta) == ["0.weight", "0.bias"]


def test_a_network_without_parameters_is_converted() -> None:
    net, theta = bp.from_torch(nn.Sequential(nn.ReLU(), nn.Flatten()))
    assert len(theta) == 0
    assert torch.equal(bp.to_torch(net, theta)(-torch.ones(2, 3)), torch.zeros(2, 3))
    assert torch.equal(net.forward(theta, -torch.ones(2, 3)), torch.zeros(2, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_theta_without_parameters_is_like_what_is_given(dtype: Any) -> None:
    module = nn.Sequential(nn.RMSNorm(3, elementwise_affine=False), nn.ReLU())
    x = 1e-4 * torch.randn(2, 3, dtype=dtype, generator=torch.Generator().manual_seed(0))
    net, theta = bp.from_torch(module, like=x)
    assert theta.like.dtype == dtype
    agree(net.forward(theta, x), module(x), 1e-6 if dtype == torch.float32 else 1e-12, "output")
    # Parameters have a dtype of their own.
    assert bp.from_torch(nn.Linear(2, 2), like=x)[1].like.dtype == torch.float32


@pytest.mark.parametrize("module", [nn.Softmax, nn.LogSoftmax])
def test_a_softmax_of_the_second_axis_takes_vectors_alone(module: Any) -> None:
    plain = nn.Sequential(nn.Linear(5, 3), module(dim=1)).double()
    net, theta = bp.from_torch(plain)
    x = torch.randn(4, 7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _same(_ours(net, theta, x[:, 0]), _autograd(plain, x[:, 0]), 1e-12, "vectors")
    with pytest.raises(
        bp.errors.ShapeError, match=r"oftmax\(vectors=True\): input has shape \(batch, 7, 3\), expected"
    ):
        net.forward(theta, x)
    with pytest.raises(bp.errors.ShapeError, match=r"expected \(batch, n\)"):
        bp.BackproofModule(plain)(x)
    assert bp.to_torch(net, theta)[1].dim == 1
    assert (
        bp.from_torch(nn.Sequential(module(dim=-1)))[0].forward(bp.from_torch(nn.ReLU())[1], x.float()).shape == x.shape
    )
    assert bp.Network.from_description(net.describe()) == net


def test_softplus_is_its_modules_from_a_threshold_of_20_on() -> None:
    module, x = nn.Sequential(nn.Softplus(2.0, 20.0)), torch.linspace(-30, 30, 1001, dtype=torch.float64)[None]
    net, theta = bp.from_torch(module, like=x)
    agree(net.forward(theta, x), module(x), 1e-10, "softplus")


def test_the_module_is_in_evaluation_mode_until_it_trains() -> None:
    net = bp.Network([bp.Dropout(0.5)])
    module, x = bp.to_torch(net, net.initialize(0)), torch.ones(4, 50)
    assert torch.equal(module(x), x)
    assert not torch.equal(module.train()(x), x)


def _weird() -> Any:
    class Twice(nn.Linear):
        def forward(self, x: Any) -> Any:
            return 2 * super().forward(x)

    return Twice(3, 3)


def _hooked(module: Any = None) -> Any:
    module = module or nn.Linear(3, 3)
    module.register_forward_hook(lambda *_: None)
    return module


def _patched() -> Any:
    module = nn.Linear(3, 3)
    module.forward = torch.sin  # type: ignore[method-assign, assignment]
    return module


def _tied() -> Any:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    return nn.Sequential(first, second)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: nn.Sequential(nn.ReLU(), nn.Sequential(nn.Conv2d(1, 1, 1))), r"1\.0, Conv2d, is no layer here"),
        (lambda: nn.Sequential(nn.BatchNorm1d(3)), "0, BatchNorm1d, is no layer here"),
        (lambda: nn.Sequential(_weird()), "0, Twice, is no layer here"),
        (lambda: nn.Sequential(_hooked()), "0, Linear, has hooks"),
        (lambda: _hooked(nn.Sequential(nn.Linear(3, 3))), "the module, Sequential, has hooks"),
        (lambda: nn.Sequential(nn.Tanh(), nn.Sequential()), "1, Sequential, is empty"),
        (lambda: nn.Sequential(*[nn.Linear(3, 3)] * 2), r"'1\.weight' is the parameter '0\.weight' once more"),
        (_tied, r"'1\.weight' is the parameter '0\.weight' once more"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()), "'1.weight' has dtype torch.float64"),
        (lambda: nn.Sequential(nn.Linear(2, 2).half()), "'0.weight' has dtype float16, expected float32 or float64"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, device="meta")), "'1.weight' has device meta"),
        (lambda: nn.Sequential(nn.Softmax(dim=2)), "expected dim=-1"),
        (lambda: nn.Sequential(nn.Flatten(0)), r"expected Flatten\(1, -1\)"),
        (lambda: nn.Sequential(nn.Unflatten(2, (1, 2))), r"expected Unflatten\(1, sizes\)"),
        (lambda: nn.Sequential(nn.LayerNorm((2, 3))), "over 2 axes, expected the last alone"),
        (lambda: nn.Sequential(nn.Softplus(1, 10)), "x itself where beta x is above 10, expected a threshold of at l"),
        (lambda: nn.Sequential(_patched()), "0, Linear, has a forward of its own"),
        (lambda: nn.Sequential(), "the module is empty"),
        (lambda: [nn.Linear(2, 2)], "expected a torch.nn.Module"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_named(module: Any, message: str) -> None:
    with pytest.raises(bp.errors.BackproofError, match=message):
        bp.from_torch(module())


def test_layers_without_a_module_are_named() -> None:
    net = bp.Network([bp.Tanh(), [bp.LayerNorm(2, gain=False)]])
    with pytest.raises(bp.errors.OptionError, match="has a shift and no gain"):
        bp.to_torch(net, net.initialize(0))
    net = bp.Network([bp.Dropout(0.5)])
    with pytest.raises(bp.errors.OptionError, match="the mask of one training step"):
        bp.to_torch(net.training(3), net.initialize(0))

    class Own(bp.layers.Elementwise):
        def function(self, x: Any) -> Any:
            return x

        def derivative(self, x: Any, y: Any) -> Any:
            return x * 0 + 1

    net = bp.Network([bp.Tanh(), Own()])
    with pytest.raises(bp.errors.OptionError, match=r"layer 1, Own\(\), has no module in PyTorch"):
        bp.to_torch(net, net.initialize(0))
