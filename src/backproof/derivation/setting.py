"""Everything the sections are written from: the sites of a network at one example, the loss, the whole batch."""

from dataclasses import dataclass
from typing import Any

from ..layers.base import Linearization
from ..losses import Loss
from ..network import Network
from ..parameters import Parameters
from .expressions import Expression
from .lines import Line, words
from .naming import Names
from .sites import Scope, Site

__all__ = ["Batch", "Setting"]


@dataclass(frozen=True)
class Batch:
    """All examples at once.

    Attributes:
        x: (N, \\*input_shape).
        steps: the layers' linearizations.
        deltas: delta_0 .. delta_L as rows, (N, n_l), with the factor of the mean or sum.
        value: the loss of the batch.
        gradients: of the batch, by parameter.
    """

    x: Any
    steps: list[Linearization]
    deltas: list[Any]
    value: float
    gradients: dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a derivation is about.

    Attributes:
        net, theta, loss: as they came; theta in float64.
        scope: notation, vec, values.
        sites: the layers.
        x: the example, (1, \\*input_shape).
        loss_value: of the example.
        gradients: of the example, by parameter; empty without a loss.
        batch: all examples, None without a loss.
    """

    net: Network
    theta: Parameters
    loss: Loss | None
    scope: Scope
    sites: tuple[Site, ...]
    x: Any
    loss_value: float | None
    gradients: dict[str, Any]
    batch: Batch | None

    @property
    def names(self) -> Names:
        """The notation."""
        return self.scope.names

    @property
    def level(self) -> int:
        """1 outline, 2 standard, 3 full."""
        return {"outline": 1, "standard": 2, "full": 3}[self.scope.detail]

    @property
    def last(self) -> Site:
        """The last layer."""
        return self.sites[-1]

    def line(self, expression: Expression | None, key: str, **more: Any) -> Line:
        """Return a line of these values; further keywords fill the reason's places."""
        options = {name: more.pop(name) for name in ("shape", "figure", "source", "level") if name in more}
        return Line(expression, words(key, **more), values=self.scope.values, **options)
