"""Schedules follow torch's, and warm-up reaches 1 when it should."""

import numpy as np
import pytest
import torch

from backproof.errors import OptionError
from backproof.training import SCHEDULES, Constant, Cosine, Step, WarmUp


def torch_factors(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    schedule = make(optimizer)
    factors = []
    for _ in range(steps):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return factors


def test_step_equals_torch():
    ours = [Step(3, 0.5).factor(epoch * 4, 4, 10) for epoch in range(10)]
    theirs = torch_factors(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5), 10)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_cosine_equals_torch():
    ours = [Cosine(0.1).factor(step, 5, 6) for step in range(30)]
    theirs = torch_factors(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 30, 0.1), 30)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_warm_up_rises_straight_and_hands_over():
    schedule = WarmUp(2, Cosine())
    factors = [schedule.factor(step, 5, 6) for step in range(30)]
    np.testing.assert_allclose(factors[:10], np.arange(1, 11) / 10)
    assert factors[10] == 1.0
    np.testing.assert_allclose(factors[10:], [Cosine().factor(step, 5, 4) for step in range(20)])


def test_warm_up_of_part_of_an_epoch():
    assert [WarmUp(0.5).factor(step, 4, 1) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]


def test_only_schedules_that_need_the_end_are_planned():
    planned = {name for name, kind in SCHEDULES.items() if kind().planned}
    assert planned == {"cosine"}
    assert WarmUp(1, Cosine()).planned
    assert not Constant().planned


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Step(0), "every"),
        (lambda: Step(1, -1.0), "ratio"),
        (lambda: Cosine(2.0), "floor"),
        (lambda: WarmUp(0), "epochs"),
        (lambda: WarmUp(1, "cosine"), "then"),
    ],
)
def test_impossible_settings_are_named(make, name):
    with pytest.raises(OptionError, match=name):
        make()
