"""``explain``: the derivation of a network at a point, as data."""

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..backpropagation import value_and_gradient
from ..errors import DtypeError, OptionError, ShapeError, unknown_name
from ..layers import Steps
from ..losses import CrossEntropy, Loss, SquaredError
from ..losses.base import require_loss
from ..network import Network
from ..parameters import Parameters
from .building import Frame, column
from .expressions import Differential, Equation, Expression, Partial, walk
from .facts import network_facts
from .language import LANGUAGES
from .layering import layer_sections
from .lines import Choices, Derivation, Fold, Line, Section, words
from .naming import GIVEN, LOSS, NOTATIONS, TARGET, THETA, Names
from .sections.batch import batch_form
from .sections.composition import composition
from .sections.cost import cost
from .sections.delta import delta
from .sections.example import example as example_numbers
from .sections.gradient import gradient
from .sections.induction import induction
from .sections.kinks import kinks_met
from .sections.papers import papers
from .setting import Batch, Setting
from .sites import Scope, Site, bind_gradient

__all__ = ["explain"]

DETAILS = ("outline", "standard", "full")
VECS = ("row", "column")
SEED = 0
"""Of the random direction along which differentials are evaluated."""


def explain(
    net: Network,
    theta: Parameters,
    x: Array,
    y: Array | None = None,
    loss: Loss | None = None,
    *,
    detail: str = "standard",
    vec: str = "row",
    notation: str = "ours",
    example: int | str = 0,
    language: str = "en",
) -> Derivation:
    r"""Return the derivation of backpropagation for this network, with its shapes and its numbers.

    Every formula of it is evaluated at the numbers of one example, in float64; ``discrepancies`` compares both sides
    of every equation.

    Shapes:
        x: (batch, \*input_shape)
        y: what the loss takes

    Args:
        net: the network.
        theta: its parameters, of any library.
        x: examples.
        y: targets; without them the derivation ends with the layers.
        loss: if left out, cross-entropy for whole-number targets (batch,), else the squared error; the derivation
            says which.
        detail: ``"outline"`` (what holds), ``"standard"`` (and why), or ``"full"`` (every step; nothing folded up to
            60 layers).
        vec: whether vec stacks rows (as the code does) or columns (as the literature does).
        notation: ``"ours"``, ``"D"`` (W^T a + b) or ``"O"`` (augmented matrices, potentials and activations).
        example: the row of x whose deltas and gradients are shown as numbers, or ``"batch"`` to show those of the whole
            batch instead; the Jacobians are then example 0's.
        language: of the words.

    Raises:
        OptionError: a choice is unknown, the example is not in the batch, or a loss came without targets.
        ShapeError, DtypeError, DataError: an argument does not fit; the message names the layer or the loss.

    Source: docs/mathematics.md, "The theorem and its three orders".
    """
    if not isinstance(net, Network):
        raise OptionError(f"explain: net is of type {type(net).__name__}, expected a Network, as in Network([...]).")
    choices = _choices(detail, vec, notation, example, language)
    theta, x = _in_float64(net, theta), np.asarray(to_numpy(x))
    x = x.astype(np.float64) if x.dtype.kind == "f" else x
    output = net.forward(theta, x)
    index = _example(example, x)
    y, loss, guessed = _target(y, loss, x.shape[0])
    if loss is not None:
        loss.value(output, y)  # what does not fit is named with the shapes that came
    setting = _setting(net, theta, x, y, loss, index, choices)
    sections = _sections(setting, choices, y, index, guessed)
    facts = network_facts(setting, x.shape[0], index, None if y is None else y[index])
    silent = "delta" if choices.batch else "batch"
    kept = tuple(_pruned(section, setting.level, section.name != silent) for section in sections)
    return Derivation(words("title", layers=len(net)), kept, choices, facts)


def _pruned(section: Section, level: int, numbers: bool) -> Section:
    """Return the section without the lines that more detail prints, and without numbers where they are not told.

    What a line that stays is written with is still defined, whatever the detail.
    """
    items: list[Line | Fold | Section] = []
    used: set[Expression] = set()
    for item in reversed(section.items):
        if isinstance(item, Section):
            items.append(_pruned(item, level, numbers))
        elif isinstance(item, Fold):
            items.append(item)
        elif item.level <= level or _defined(item) in used:
            items.append(item if numbers else replace(item, figure=None))
            used.update(walk(item.expression) if item.expression is not None else ())
    return replace(section, items=tuple(reversed(items)))


def _defined(line: Line) -> Expression | None:
    """Return the symbol that a line defines, None if it defines none."""
    formula = line.expression
    return formula.sides[0] if isinstance(formula, Equation) and formula.relation == ":=" else None


# -- what came ------------------------------------------------------------------------------------------------


def _choices(detail: str, vec: str, notation: str, example: Any, language: str) -> Choices:
    for name, value, known in (
        ("detail", detail, DETAILS), ("vec convention", vec, VECS), ("notation", notation, NOTATIONS),
        ("language", language, LANGUAGES),
    ):  # fmt: skip
        if value not in known:
            raise unknown_name(f"{name} of explain", str(value), known)
    return Choices(detail, vec, notation, isinstance(example, str) and example == "batch", language)


def _in_float64(net: Network, theta: Parameters) -> Parameters:
    if not isinstance(theta, Parameters):
        raise DtypeError(
            f"explain: theta is of type {type(theta).__name__}, expected Parameters, as net.initialize() gives."
        )
    return net.parameters({name: np.asarray(to_numpy(theta[name]), np.float64) for name in theta})


def _example(example: int | str, x: Any) -> int:
    if not x.shape[0]:
        raise ShapeError("explain: the batch has no examples, expected at least one.")
    if isinstance(example, str) and example == "batch":
        return 0
    try:
        index = -1 if isinstance(example, bool) else operator.index(example)  # type: ignore[arg-type]
    except TypeError:
        index = -1
    if not 0 <= index < x.shape[0]:
        raise OptionError(
            f"explain: example={repr(example)[:40]}, expected a number from 0 to {x.shape[0] - 1}, or 'batch'."
        )
    return index


def _target(y: Any, loss: Loss | None, examples: int) -> tuple[Any, Loss | None, bool]:
    if loss is not None:
        require_loss("explain", loss)
    if y is None:
        if loss is not None:
            raise OptionError(f"explain: loss {type(loss).__name__} came without targets, expected y as well.")
        return None, None, False
    y = np.asarray(to_numpy(y))
    if y.shape[:1] != (examples,):
        raise ShapeError(f"explain: targets have shape {y.shape}, expected one for each of the {examples} examples.")
    if loss is not None:
        return y, loss, False
    return y, CrossEntropy() if y.ndim == 1 and y.dtype.kind in "iu" else SquaredError(), True


# -- the setting ----------------------------------------------------------------------------------------------


def _setting(
    net: Network, theta: Parameters, x: Any, y: Any, loss: Loss | None, index: int, choices: Choices
) -> Setting:
    scope = Scope(Names(choices.notation), choices.vec, choices.detail, {}, np.random.default_rng(SEED))
    scope.parameters = {name: np.asarray(theta[name]) for name in theta}
    one = x[index : index + 1]
    steps = net.linearize(theta, one)
    value, last, gradients = None, None, {}
    if loss is not None:
        target = y[index : index + 1]
        loss_value, gradient_ = value_and_gradient(net, theta, one, target, loss)
        value, gradients = float(loss_value), {name: np.asarray(gradient_[name]) for name in theta}
        last = np.asarray(loss.value_and_gradient(steps.output, target)[1])
    sites = _sites(net, scope, steps, one, last)
    batch = None if loss is None else _batch(net, theta, x, y, loss)
    setting = Setting(net, theta, loss, scope, sites, one, value, gradients, batch)
    _bind(setting, y, index, last)
    return setting


def _sites(net: Network, scope: Scope, steps: Steps, one: Any, last: Any) -> tuple[Site, ...]:
    x = scope.names.state("0")
    scope.values[x] = column(one)
    tangent = scope.generator.standard_normal((1, one.size))
    scope.values[Differential(x)] = tangent.T
    frame = Frame(scope, net.chain, steps, ("", "", ""), x, tuple(one.shape[1:]), tangent, last)
    return frame.parts()


def _batch(net: Network, theta: Parameters, x: Any, y: Any, loss: Loss) -> Batch:
    steps = list(net.linearize(theta, x))
    value, delta_ = loss.value_and_gradient(steps[-1].output, y)
    deltas = [delta_]
    for step in reversed(steps):
        deltas.append(step.backward(deltas[-1], lambda name, B, delta: None))
    gradient_ = value_and_gradient(net, theta, x, y, loss)[1]
    return Batch(x, steps, deltas[::-1], float(value), {name: np.asarray(gradient_[name]) for name in theta})


def _bind(setting: Setting, y: Any, index: int, last: Any) -> None:
    """Note what the loss, its gradients and the Jacobians between states stand for."""
    values, sites = setting.scope.values, setting.sites
    for site in sites:
        values[Partial(site.y, site.x)] = site.step.A
        if site.all_blocks():
            values[Partial(site.y, site.theta)] = values[site.B]
    if setting.loss is None or setting.loss_value is None:
        return
    loss, z = setting.loss, sites[-1].step.output
    rows = loss._rows(z)
    values[LOSS] = np.asarray(setting.loss_value)
    values[TARGET] = np.asarray(loss._targets(rows, y[index : index + 1])).reshape(-1, 1)
    if isinstance(loss, CrossEntropy) and loss.smoothing:
        given = replace(loss, smoothing=0.0)._targets(rows, y[index : index + 1])
        values[GIVEN] = np.asarray(given).reshape(-1, 1)
    values[setting.names.function("loss")] = lambda v: np.asarray(loss.value(v.reshape(z.shape), y[index : index + 1]))
    values[Differential(LOSS)] = np.asarray(last @ values[sites[-1].dy])
    values[setting.names.delta("0")] = sites[0].step.backward(sites[0].delta, lambda name, B, delta: None)
    values[Partial(LOSS, sites[0].x)] = values[setting.names.delta("0")]
    for site in sites:
        values[Partial(LOSS, site.y)] = site.delta
        bind_gradient(site, setting.gradients)
    blocks = [values[Partial(LOSS, site.theta)] for site in sites if site.all_blocks()]
    if blocks:
        values[Partial(LOSS, THETA)] = np.concatenate(blocks, axis=1)


# -- the sections ---------------------------------------------------------------------------------------------


def _sections(setting: Setting, choices: Choices, y: Any, index: int, guessed: bool) -> list[Section]:
    told = (*kinks_met(setting), *layer_sections(setting.sites, choices.detail))
    layers = Section("layers", words("title_layers"), told)
    sections = [composition(setting), layers]
    if setting.loss is None or setting.batch is None:
        missing = setting.line(None, "no_targets", level=1)
        return [*sections, Section("gradient", words("title_gradient"), (missing,)), papers(setting)]
    by_delta = delta(setting, setting.loss)
    if setting.level > 1 and not choices.batch:
        by_delta = replace(by_delta, items=(example_numbers(setting, index), *by_delta.items))
    if guessed:
        said = setting.line(None, "loss_guessed", level=1, name=type(setting.loss).__name__)
        by_delta = replace(by_delta, items=(said, *by_delta.items))
    return [
        *sections, gradient(setting), by_delta, batch_form(setting, setting.batch), induction(setting),
        cost(setting, y[index : index + 1]), papers(setting),
    ]  # fmt: skip
