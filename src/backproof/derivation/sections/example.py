"""The numbers of one example on the way forward: input, states, target and loss."""

from ..expressions import Equation, Map, Number, Numbers, Symbol, Transpose
from ..figures import figure
from ..folding import Run, ends
from ..lines import Fold, Line, Section, words
from ..naming import GIVEN, LOSS, TARGET
from ..setting import Setting
from ..sites import Site

__all__ = ["example"]

_MOST = {1: 4, 2: 8, 3: 60}
_ENDS = {1: (1, 1), 2: (1, 1), 3: (3, 3)}
"""How many states are written out, by level."""
_SHORT = 16
"""The most entries of an input or a target that are all written out."""


def example(setting: Setting, index: int) -> Section:
    """Return x_0 .. x_L as rows, the target and the loss of one example.

    Args:
        setting: what the derivation is about; it has a loss.
        index: the example's row in the batch.
    """
    items: list[Line | Fold | Section] = [_given(setting, setting.sites[0].x, "example_input")]
    for piece in ends(len(setting.sites), _MOST[setting.level], *_ENDS[setting.level]):
        if isinstance(piece, Run):
            first, last = piece.first + 1, piece.last + 1
            items.append(Fold(first, last, words("fold_states", first=first, last=last)))
        else:
            items.append(_state(setting, setting.sites[piece]))
    assert setting.loss_value is not None
    smoothed = GIVEN in setting.scope.values
    items.append(_given(setting, TARGET, "example_target_smoothed" if smoothed else "example_target"))
    items.append(setting.line(Equation((LOSS, Number(setting.loss_value))), "example_loss"))
    return Section("example", words("title_example", example=index), tuple(items))


def _given(setting: Setting, column: Symbol, key: str) -> Line:
    """Return a vector that came from outside, lying down: its numbers, of a long one both ends and a picture."""
    row = setting.scope.values[column].T
    short = row.shape[1] <= _SHORT
    numbers = Numbers(row, shown_columns=None if short else (4, 3))
    drawn = None if short else figure(row)
    return setting.line(Equation((Transpose(column), numbers)), key, shape=tuple(row.shape), figure=drawn)


def _state(setting: Setting, site: Site) -> Line:
    """Return what a layer makes of the state before it, lying down."""
    row = setting.scope.values[site.y].T
    applied = Map(setting.names.function(site.label), (site.x,))
    return setting.line(
        Equation((Transpose(site.y), Transpose(applied))), "example_state", shape=tuple(row.shape), figure=figure(row),
        label=site.label,
    )  # fmt: skip
