"""The formulas of a page, with a colour for each role."""

from typing import TYPE_CHECKING, Any, final

from ..expressions import Equation, Expression, Partial, Symbol, Times
from ..lines import LayerFacts, NetworkFacts
from ..mathml import mathml

if TYPE_CHECKING:
    from markupsafe import Markup

_ROLES = {"B": "B", "theta": "theta", "W": "theta", "b": "theta", "x": "x", "A": "A", "delta": "delta"}


@final
class Formulas:
    """Prints expressions as MathML that a template takes as it is.

    Attributes:
        roles: role by a symbol's name.
        signs: every sign printed so far, of which the font must have a glyph.
    """

    def __init__(self, network: NetworkFacts) -> None:
        symbols = {
            facts_symbol.name: role
            for facts in network.layers
            for facts_symbol, role in (
                (facts.state_symbol, "x"), (facts.jacobian_symbol, "A"), (facts.delta_symbol, "delta"),
            )
        }  # fmt: skip
        self.roles = _ROLES | symbols
        self.signs: set[str] = set()

    def print(self, expression: Expression, block: bool = False) -> "Markup":
        """Return the MathML of an expression."""
        from markupsafe import Markup

        text = mathml(expression, self.roles, block)
        self.signs.update(text)
        return Markup(text)

    def word(self, text: str) -> "Markup":
        """Return text of any origin, escaped."""
        from markupsafe import escape

        return escape(text)

    def block(self, facts: LayerFacts) -> "Markup":
        """Return B_l."""
        return self.print(_block(facts))

    def gradient(self, facts: LayerFacts, name: str) -> "Markup":
        """Return the formula of a parameter's gradient, d loss / d parameter = delta_l B_l."""
        short = name.rpartition(".")[2]
        letter = {"weight": "W", "bias": "b", "gain": "g", "shift": "b"}.get(short, "theta")
        by: Any = Symbol(letter, str(facts.index), kind="matrix")
        left = Partial(Symbol("loss", kind="scalar"), by)
        return self.print(Equation((left, Times((facts.delta_symbol, _block(facts))))))


def _block(facts: LayerFacts) -> Symbol:
    return Symbol("B", str(facts.index), kind="matrix")
