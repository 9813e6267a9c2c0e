"""Passes leave less work, and memory is planned without two living values in one place."""

import re
from typing import Any

import numpy as np
import pytest

import backproof as bp
from backproof.compilation import numpy_lowering, passes
from backproof.compilation.planning import planned
from backproof.compilation.printing import flops
from backproof.compilation.program import Trace
from backproof.compilation.tracing import trace
from networks import draw_network


def mlp(loss: Any = None) -> Trace:
    net = bp.Network([bp.Linear(6, 5), bp.ReLU(), bp.Linear(5, 4), bp.Tanh(), bp.Linear(4, 3)])
    return trace(net, loss or bp.CrossEntropy(), (6,), ("int64", ()), "float32")


def operations(made: Trace) -> list[str]:
    return [s.operation for s in made.statements]


def test_passes_leave_less_work() -> None:
    made = mlp()
    for step in (passes.simplify, passes.remove_dead):
        less = step(made)
        assert len(less.statements) < len(made.statements), step.__name__
        made = less
    layers = [bp.Linear(6, 5), bp.Sum((bp.SiLU(), bp.Sigmoid()))]
    twice = passes.simplify(trace(bp.Network(layers), bp.SquaredError(), (6,), ("float32", (5,)), "float32"))
    assert operations(twice).count("exp") > operations(passes.deduplicate(twice)).count("exp") == 1
    assert len(passes.delay(made).statements) == len(made.statements)


def test_class_indices_never_become_a_matrix() -> None:
    said = operations(passes.optimized(mlp()))
    assert "one_hot" not in said
    assert {"pick", "subtract_one_hot", "check_classes"} <= set(said)
    assert "one_hot" in operations(passes.optimized(mlp(bp.CrossEntropy(smoothing=0.1))))


def test_equal_statements_are_computed_once() -> None:
    made = passes.optimized(mlp())
    keys = [passes._key(s) for s in made.statements]
    assert len(set(keys)) == len(keys)


def test_nothing_is_computed_in_vain() -> None:
    made = passes.optimized(mlp())
    used = {value for s in made.statements for value in s.values()} | set(made.outputs.values())
    assert all(s.target in used or s.operation.startswith("check") for s in made.statements)


def test_derivatives_are_computed_where_delta_meets_them() -> None:
    made = passes.optimized(mlp())
    names = [s.target.name for s in made.statements]
    assert names.index("A4") == names.index("delta3") - 1
    assert names.index("A2a") == names.index("delta1") - 1
    assert names.index("A4") > names.index("loss")


def test_outputs_of_one_value_are_two_arrays() -> None:
    net = bp.Network([bp.Sum((bp.Linear(3, 4), bp.Linear(3, 4)))])
    theta, g = net.initialize(0, dtype="float64"), np.random.default_rng(0)
    x, y = g.normal(size=(6, 3)), g.normal(size=(6, 4))
    program = bp.compile(net, loss=bp.SquaredError(), dtype="float64")
    for n in (6, 1):
        gradient = program(theta, x[:n], y[:n])[1]
        expected = bp.value_and_gradient(net, theta, x[:n], y[:n], bp.SquaredError())[1]
        np.testing.assert_allclose(gradient.vector, expected.vector, rtol=1e-12)


def overlaps(made: Trace) -> list[str]:
    """Return pairs of values that live at the same time in one slot, from the plan alone."""
    plan = planned(made)
    last: dict[Any, int] = {}
    for number, s in enumerate(made.statements):
        for value in (s.target, *s.values()):
            last[plan.roots.get(value, value)] = number
    last[plan.roots.get(made.outputs["loss"], made.outputs["loss"])] = len(made.statements)
    living: dict[int, Any] = {}
    wrong = []
    for number, s in enumerate(made.statements):
        slot = plan.slot.get(s.target)
        if slot is None:
            continue
        other = living.get(slot)
        if other is not None and last[other] > number:
            wrong.append(f"{s.target.name} over {other.name}")
        living[slot] = s.target
    return wrong


@pytest.mark.parametrize("seed", range(40))
def test_no_two_living_values_share_a_slot(seed: int) -> None:
    drawn = draw_network(seed, depth=4)
    targets = str(drawn.y.dtype), drawn.y.shape[1:]
    batch = 2 if "Dropout" in repr(drawn.net) else None
    made = trace(drawn.net, drawn.loss, drawn.x.shape[1:], targets, "float64", batch=batch)
    assert overlaps(passes.optimized(made)) == []


@pytest.mark.parametrize("turned", [False, True])
def test_memory_is_known_before_the_run(turned: bool) -> None:
    made = passes.optimized(mlp())
    lowered = numpy_lowering.lower(made, turned)
    buffers = lowered.run._buffers(64)
    bases = {}
    for array in buffers:
        if isinstance(array, np.ndarray) and array.ndim:
            base = array
            while isinstance(base.base, np.ndarray):
                base = base.base
            bases[id(base)] = base.nbytes
    # Slots are given a cache line more, to begin at one.
    assert 0 <= sum(bases.values()) - lowered.memory(64) <= 64 * len(bases)
    assert lowered.memory(128) < 2 * lowered.memory(64)


def test_deep_networks_need_memory_for_their_activations_alone() -> None:
    depth, width, n = 40, 64, 32
    net = bp.Network([layer for _ in range(depth) for layer in (bp.Linear(width, width), bp.Tanh())])
    program = bp.compile(net, loss=bp.SquaredError(), batch=n)
    assert program.memory() <= 1.2 * depth * width * n * 4


def test_a_program_prints_itself_with_equations_shapes_and_memory() -> None:
    net = bp.Network([bp.Linear(6, 5), bp.ReLU(), bp.Linear(5, 4)])
    program = bp.compile(net, loss=bp.CrossEntropy(), batch=32)
    text = str(program)
    for part in ("layer 1, ReLU()", "gW3 = matmul(delta3.T, x2)", "delta_1 = delta_2 A_2", "(n, 5)", "KiB of buffers"):
        assert part in text
    assert f"{flops(program.trace, 32):,} operations" in text
    assert flops(program.trace, 32) > 2 * 32 * (3 * 20 + 2 * 30)
    assert repr(program) == "Program(3 layers, CrossEntropy, float32, numpy, compiled)"


def test_source_is_the_same_for_every_batch_kept_alike_and_is_what_runs() -> None:
    net = bp.Network([bp.Linear(6, 5), bp.ReLU(), bp.Linear(5, 4)])
    sources = {n: bp.compile(net, loss=bp.CrossEntropy(), batch=n).source for n in (2, 256, 257, 5000)}
    assert sources[2] == sources[256] != sources[257] == sources[5000]
    assert "def run(x0, y, theta, gradient, buffers):" in sources[2]
    assert re.search(r"dot\(delta1, W1\b", sources[257]) is None
    assert len(set(re.findall(r"^def (\w+)", sources[2], re.MULTILINE))) == 4
