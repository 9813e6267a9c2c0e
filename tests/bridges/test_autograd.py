"""A training loop in PyTorch takes our recursion for a module, and goes the way it would have gone."""

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import backproof as bp
from backproof import errors
from backproof.compilation.torch_splitting import halves
from cases import LAYER_CASES
from oracles import agree


def _module(dropout: float = 0.0) -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU()), nn.Dropout(dropout),
        nn.Linear(8, 3),
    ).double()  # fmt: skip


def _data() -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 5, dtype=torch.float64, generator=generator)
    return x, torch.randint(0, 3, (40,), generator=generator)


def _train(module: Any, steps: int = 25) -> list[float]:
    """An ordinary loop: mini-batches, Adam, a schedule, gradient clipping."""
    x, y = _data()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.5)
    losses = []
    for step in range(steps):
        rows = torch.arange(step * 7, step * 7 + 16) % 40
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x[rows]), y[rows])
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def test_a_training_loop_goes_as_with_autograd() -> None:
    plain, ours = _module(), bp.BackproofModule(_module())
    expected, losses = _train(plain), _train(ours)
    agree(losses, expected, 1e-10, "losses")
    assert losses[-1] < losses[0]
    assert list(ours.state_dict()) == list(plain.state_dict())
    for name, tensor in plain.state_dict().items():
        agree(ours.state_dict()[name], tensor, 1e-9, name)


def test_the_module_that_came_is_trained_with() -> None:
    plain = _module()
    before = plain[0].weight.detach().clone()
    _train(bp.BackproofModule(plain), 2)
    assert not torch.equal(plain[0].weight, before)


def test_a_network_is_a_module() -> None:
    net = bp.Network([bp.Linear(5, 4), bp.Residual([bp.Linear(4, 4), bp.Sine()]), bp.Linear(4, 3)])
    theta = net.initialize(0, like=torch.zeros(1, dtype=torch.float64))
    module = bp.BackproofModule(net, theta)
    x, y = _data()
    loss = nn.functional.cross_entropy(module(x), y)
    loss.backward()
    value, gradient = bp.value_and_gradient(net, theta, x, y, bp.CrossEntropy())
    agree(loss.item(), value, 1e-12, "loss")
    for (name, parameter), place in zip(module.named_parameters(), gradient, strict=True):
        assert name == place
        agree(parameter.grad, gradient[place], 1e-12, name)


def test_gradcheck_accepts_the_function() -> None:
    net, theta = bp.from_torch(_module())
    x = _data()[0][:3].requires_grad_()
    parameters = [theta[name].clone().requires_grad_() for name in theta]
    assert torch.autograd.gradcheck(lambda x, *p: bp.BackproofFunction.apply(net, x, *p), (x, *parameters))


def test_gradcheck_finds_a_planted_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bp.Tanh, "derivative", lambda self, x, y: 1 - y)
    net = bp.Network([bp.Tanh()])
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(
            lambda x: bp.BackproofFunction.apply(net, x), (torch.randn(2, 3, dtype=torch.float64, requires_grad=True),)
        )


def test_it_stands_between_other_modules() -> None:
    middle = _module()
    front, back = nn.Linear(5, 5).double(), nn.Linear(3, 1).double()
    x = _data()[0]

    def gradients(module: Any) -> list[Any]:
        loss = back(module(torch.sin(front(x)))).square().mean()
        return list(torch.autograd.grad(loss, [*front.parameters(), *middle.parameters(), *back.parameters()]))

    expected = gradients(middle)
    for mine, theirs in zip(gradients(bp.BackproofModule(middle)), expected, strict=True):
        agree(mine, theirs, 1e-12, "gradient")


def test_frozen_parameters_get_no_gradient() -> None:
    module = bp.BackproofModule(_module())
    frozen = next(module.parameters()).requires_grad_(False)
    module(_data()[0]).sum().backward()
    assert frozen.grad is None
    assert all(p.grad is not None for p in list(module.parameters())[1:])


def test_gradients_of_two_batches_add_up() -> None:
    module, (x, _) = bp.BackproofModule(_module()), _data()
    (module(x[:20]).square().sum() + module(x[20:]).square().sum()).backward()
    apart = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    module(x).square().sum().backward()
    for mine, whole in zip(apart, module.parameters(), strict=True):
        agree(mine, whole.grad, 1e-12, "gradient")


def test_a_parameter_written_before_the_backward_pass_is_noticed() -> None:
    module = bp.BackproofModule(_module())
    loss = module(_data()[0]).sum()
    with torch.no_grad():
        next(module.parameters()).mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_second_derivative_is_refused() -> None:
    module, x = bp.BackproofModule(_module()), _data()[0].requires_grad_()
    y = module(x).sum()
    with pytest.raises(bp.errors.OptionError, match="a second derivative is asked for"):
        torch.autograd.grad(y, x, create_graph=True)


def test_dropout_draws_in_training_and_not_in_evaluation() -> None:
    module, x = bp.BackproofModule(_module(dropout=0.5)), _data()[0]
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert torch.equal(module(x), module(x))


def test_a_network_that_changes_nothing_returns_its_input() -> None:
    module, x = bp.BackproofModule(nn.Identity()), torch.ones(2, 3, requires_grad=True)
    module(x).sum().backward()
    assert torch.equal(x.grad, torch.ones(2, 3))  # type: ignore[arg-type]


def test_a_wrong_number_of_parameters_is_refused() -> None:
    net = bp.Network([bp.Linear(2, 2)])
    with pytest.raises(bp.errors.OptionError, match=r"1 parameters came, expected 2 in the order 0\.weight, 0\.bias"):
        bp.BackproofFunction.apply(net, torch.ones(1, 2), torch.ones(2, 2))


@pytest.mark.parametrize("case", LAYER_CASES, ids=lambda case: repr(case.layer))
def test_both_halves_of_the_program_are_those_of_the_formulas(case: Any) -> None:
    if getattr(case.layer, "step", None) is not None:
        pytest.skip("a mask is drawn by the ordinary formulas alone")
    g, net = np.random.default_rng(0), bp.Network([case.layer])
    theta = net.initialize(0, like=torch.zeros(1, dtype=torch.float64))
    theta.vector.add_(torch.tensor(0.3 * g.normal(size=theta.vector.shape)))
    for batch in (1, 3):
        x = torch.tensor(g.normal(size=(batch, *case.shape)))
        program, parameters = halves(net, case.shape, "float64", batch), tuple(theta.values())
        expected, pullback = bp.vjp(net, theta, x)
        rows, kept = program.forward(x, parameters)
        agree(rows, expected.flatten(1), 1e-12, "output")
        delta = torch.tensor(g.normal(size=rows.shape))
        gradient = pullback(delta)[1]
        found = program.backward(delta, x, parameters, kept)
        for name, mine in zip(gradient, found, strict=True):
            agree(mine, gradient[name], 1e-12, name)
            assert mine.shape == gradient[name].shape


def test_the_backward_pass_is_the_program() -> None:
    module, (x, _) = bp.BackproofModule(_module()), _data()
    for batch in (16, 16, 7, 1):
        module(x[:batch]).square().sum().backward()
    (programs,) = module._compiled._made.values()
    assert len(programs) <= 2
    assert "addmm(" in programs[0].source
    assert "tanh_backward(" in programs[0].source


def test_a_layer_that_cannot_be_traced_is_evaluated_by_its_formulas() -> None:
    class Own(bp.layers.Elementwise):
        def function(self, x: Any) -> Any:
            return x * 2 if float(x[0, 0]) > 0 else x

        def derivative(self, x: Any, y: Any) -> Any:
            return x * 0 + (2 if float(x[0, 0]) > 0 else 1)

    net = bp.Network([Own(), bp.Linear(2, 2)])
    module = bp.BackproofModule(bp.Network([bp.Tanh(), bp.Linear(2, 2)]), net.initialize(0, like=torch.zeros(1)))
    module.net, module._compiled = net, type(module._compiled)(net)
    for _ in range(2):
        y = module(torch.ones(1, 2))
    y.sum().backward()
    assert not module._compiled.traceable
    assert torch.equal(module.get_parameter("1.weight").grad, torch.full((2, 2), 2.0))


def test_wrong_inputs_are_named_as_by_the_network() -> None:
    module = bp.BackproofModule(_module())
    x = _data()[0]
    for _ in range(2):
        with pytest.raises(bp.errors.ShapeError, match=r"Linear\(5 -> 8\): input has shape \(batch, 4\)"):
            module(x[:, :4])
        with pytest.raises(bp.errors.DtypeError, match="input has dtype float32, theta float64"):
            module(x.float())
        module(x)


def test_a_module_in_two_places_acts_in_both() -> None:
    activation = nn.Tanh()
    plain = nn.Sequential(nn.Linear(5, 5), activation, nn.Linear(5, 3), activation).double()
    x, _ = _data()
    expected = plain(x).detach()
    agree(bp.BackproofModule(plain)(x).detach(), expected, 1e-12, "output")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("last", [nn.Tanh(), nn.Linear(8, 8), nn.Unflatten(1, (2, 4)), nn.Identity()])
def test_writing_into_the_output_leaves_the_gradient_right(last: Any, training: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), last, nn.Dropout(0.0 if not training else 1e-300)).double()
    ours = bp.BackproofModule(plain).train(training)
    x, _ = _data()
    plain.zero_grad()
    (plain.eval()(x) * 2).exp().sum().backward()
    expected = [p.grad.clone() for p in plain.parameters()]
    ours.zero_grad()
    output = ours(x)
    output.mul_(2)
    output.exp().sum().backward()
    for gradient, parameter in zip(expected, ours.parameters(), strict=True):
        agree(parameter.grad, gradient, 1e-12, "gradient")


def test_a_module_that_ran_can_be_saved_whole() -> None:
    ours, (x, _) = bp.BackproofModule(_module()), _data()
    expected = ours(x)
    file = io.BytesIO()
    torch.save(ours, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    agree(loaded(x).detach(), expected.detach(), 1e-12, "output")
    assert _train(loaded) == _train(copy.deepcopy(ours))


def test_autocasting_changes_no_number() -> None:
    ours, (x, y) = bp.BackproofModule(_module().float()), _data()
    x = x.float()
    expected = ours(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = ours(x)
        nn.functional.cross_entropy(output, y).backward()
    assert output.dtype == torch.float32
    assert torch.equal(output, expected)
    assert all(p.grad.dtype == torch.float32 for p in ours.parameters())


def test_parameters_in_another_order_are_refused() -> None:
    net = bp.Network([bp.Linear(5, 3)])
    W, b = torch.zeros(3, 5), torch.zeros(3)
    with pytest.raises(errors.ShapeError, match=r"'0.weight' has shape \(3,\), expected \(3, 5\)"):
        bp.BackproofFunction.apply(net, torch.zeros(2, 5), b, W)


def _masks(module: Any, seed: int, calls: int = 3) -> Any:
    torch.manual_seed(seed)
    return torch.stack([module(torch.ones(4, 30)) for _ in range(calls)]).detach()


def test_masks_follow_pytorchs_generator() -> None:
    first, second = (bp.BackproofModule(nn.Sequential(nn.Dropout(0.5))) for _ in range(2))
    zero = _masks(first, 0)
    assert torch.equal(zero, _masks(first, 0))
    assert torch.equal(zero, _masks(second, 0))
    assert not torch.equal(zero, _masks(first, 1))
    assert not torch.equal(first(torch.ones(4, 30)), second(torch.ones(4, 30)))
    assert not torch.equal(zero[0], zero[1])


def test_the_generator_is_left_alone_where_nothing_is_dropped() -> None:
    module = bp.BackproofModule(nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.5)).double()).eval()
    state = torch.get_rng_state()
    module(_data()[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_every_dropout_follows_its_own_mode() -> None:
    plain, x = nn.Sequential(nn.Identity(), nn.Dropout(0.5)), torch.ones(4, 30)
    ours = bp.BackproofModule(plain)
    plain[1].eval()
    assert torch.equal(ours(x), x)
    ours.eval()
    plain[1].train()
    assert not torch.equal(ours(x), x)
    assert not bp.BackproofModule(plain.eval()).training


def test_a_network_wrapped_is_in_training_mode_as_modules_are() -> None:
    net = bp.Network([bp.Dropout(0.5)])
    module, x = bp.BackproofModule(net, net.initialize(0)), torch.ones(4, 30)
    assert not torch.equal(module(x), x)
    assert torch.equal(module.eval()(x), x)


def _settable() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 6), nn.LeakyReLU(), nn.Sequential(nn.Softplus(), nn.Hardtanh()), nn.LayerNorm(6), nn.Dropout(0.5),
        nn.GELU(), nn.RMSNorm(6), nn.ELU(),
    ).double()  # fmt: skip


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("1", "negative_slope", 0.5), ("2.0", "beta", 3.0), ("2.1", "max_val", 0.7), ("3", "eps", 0.5), ("4", "p", 0.0),
        ("5", "approximate", "tanh"), ("6", "eps", 0.5), ("7", "alpha", 2.0),
    ],
)  # fmt: skip
def test_settings_changed_after_wrapping_are_followed(place: str, name: str, value: Any) -> None:
    plain, x = _settable(), torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = bp.BackproofModule(plain).train(name == "p")
    before = ours(x).detach()
    setattr(plain.get_submodule(place), name, value)
    output = ours(x)
    assert not torch.equal(output, before)
    agree(output.detach(), plain(x).detach(), 1e-12, "output")
    output.square().sum().backward()
    gradients = [p.grad.clone() for p in plain.parameters()]
    plain.zero_grad()
    plain(x).square().sum().backward()
    for mine, parameter in zip(gradients, plain.parameters(), strict=True):
        agree(mine, parameter.grad, 1e-12, "gradient")


@pytest.mark.parametrize("gain", [True, False])
def test_rms_norm_takes_the_eps_of_the_dtype_it_is_moved_to(gain: bool) -> None:
    plain = nn.Sequential(nn.RMSNorm(6, elementwise_affine=gain))
    ours, x = bp.BackproofModule(plain), torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    for factor in (1.0, 1e-3, 1e-4):
        agree(ours.float()(factor * x).detach(), plain(factor * x).detach(), 1e-6, "float32")
        small = factor * x.double()
        agree(ours.double()(small).detach(), plain(small).detach(), 1e-12, "float64")


def _patched(module: Any) -> None:
    module[1].forward = torch.sin


def _spectral(module: Any) -> None:
    nn.utils.parametrizations.spectral_norm(module[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m[0].register_forward_hook(lambda *_: None), "0, Linear, has hooks"),
        (lambda m: m.register_forward_pre_hook(lambda *_: None), "the module, Sequential, has hooks"),
        (lambda m: m[1].register_full_backward_hook(lambda *_: None), "1, Tanh, has hooks"),
        (lambda m: m.append(nn.ReLU()), "has 5 modules .* the 4 modules and their parameters that were wrapped; wrap"),
        (lambda m: m.__setitem__(1, nn.ReLU()), "wrap it again"),
        (lambda m: m.__delitem__(1), "wrap it again"),
        (lambda m: setattr(m[0], "bias", None), "wrap it again"),
        (lambda m: setattr(m[2], "bias", nn.Parameter(torch.zeros(3))), r"2\.bias"),
        (_patched, "1, Tanh, has a forward of its own"),
        (_spectral, "0, ParametrizedLinear, is no layer here"),
    ],
)  # fmt: skip
def test_a_module_that_is_another_one_is_named_at_the_next_call(change: Any, message: str) -> None:
    plain = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3, bias=False))
    ours, x = bp.BackproofModule(plain), torch.ones(2, 5)
    ours(x)
    change(plain)
    for _ in range(2):
        with pytest.raises(errors.OptionError, match=message):
            ours(x)


def test_a_module_put_into_the_wrapper_is_named() -> None:
    ours = bp.BackproofModule(nn.Sequential(nn.Linear(5, 4), nn.Tanh()))
    setattr(ours, "1", nn.ReLU())
    with pytest.raises(errors.OptionError, match="were put into it or taken out"):
        ours(torch.ones(2, 5))


def test_programs_are_kept_while_nothing_changes_and_from_mode_to_mode() -> None:
    ours, (x, _) = bp.BackproofModule(_module(0.5)), _data()
    compiled = ours._compiled
    for mode in (False, True, False):
        ours.train(mode)(x)
        assert ours._compiled is compiled


def test_a_network_without_its_parameters_is_named() -> None:
    with pytest.raises(
        errors.OptionError, match=r"a Network came without its parameters, expected BackproofModule\(net, th"
    ):
        bp.BackproofModule(bp.Network([bp.Linear(2, 2)]))


def test_without_numbers_shapes_come_out() -> None:
    module = bp.BackproofModule(_module(dropout=0.5)).to("meta")
    output = module(torch.empty(7, 5, dtype=torch.float64, device="meta"))
    output.sum().backward()
    assert (output.shape, output.device.type) == ((7, 3), "meta")
    assert [p.grad.shape for p in module.parameters()] == [p.shape for p in module.parameters()]


def test_transforms_of_torch_func_are_refused_as_the_page_says() -> None:
    module, x = bp.BackproofModule(_module()), _data()[0]
    for transformed in (torch.func.grad(lambda x: module(x).sum()), torch.func.vmap(lambda row: module(row[None]))):
        with pytest.raises(RuntimeError, match="setup_context"):
            transformed(x)
