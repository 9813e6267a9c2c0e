"""The formulas of a page, with a colour for each role."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

from ..expressions import Equation, Expression, Partial, Symbol, Times
from ..language import say
from ..lines import LayerFacts, NetworkFacts, words
from ..mathml import mathml
from ..naming import LOSS, THETA
from .held import Held

if TYPE_CHECKING:
    from markupsafe import Markup

_ROLES = {"B": "B", "theta": "theta", "W": "theta", "b": "theta", "x": "x", "A": "A", "delta": "delta"}


@final
class Formulas:
    """Prints expressions as MathML that a template takes as it is, and says what stands around them.

    Attributes:
        roles: role by symbol, or by the name of all indexed symbols called so.
        signs: every sign printed so far, of which the font must have a glyph.
    """

    def __init__(self, network: NetworkFacts, language: str = "en") -> None:
        symbols = {
            facts_symbol.name: role
            for facts in network.layers
            for facts_symbol, role in (
                (facts.state_symbol, "x"), (facts.jacobian_symbol, "A"), (facts.delta_symbol, "delta"),
            )
        }  # fmt: skip
        held: dict[Any, str] = {THETA: "theta"}
        for facts in network.layers:
            for parameter, block in facts.parameter_symbols.values():
                held |= {parameter: "theta", block: "B", _whole(block): "B"}
        self.roles: dict[Any, str] = {**_ROLES, **symbols, **held}
        self.signs: set[str] = set()
        self.language = language

    def print(self, expression: Expression, block: bool = False) -> "Markup":
        """Return the MathML of an expression."""
        from markupsafe import Markup

        text = mathml(expression, self.roles, block)
        self.signs.update(text)
        return Markup(text)

    def say(self, key: str, **arguments: Any) -> str:
        """Return a sentence of the page in the derivation's language, not escaped."""
        return signs(say(words(f"page_{key}", **arguments), self.language))

    def word(self, text: str) -> "Markup":
        """Return text of any origin, escaped."""
        from markupsafe import escape

        return escape(text)

    def gradient(self, facts: LayerFacts, parameter: Held) -> "Markup":
        """Return the formula of a parameter's gradient, d loss / d parameter = delta_l B_l."""
        left = Partial(LOSS, parameter.symbol)
        return self.print(Equation((left, Times((facts.delta_symbol, parameter.jacobian)))), block=True)


def _whole(block: Symbol) -> Symbol:
    """Return the Jacobian in all parameters of a layer, from that in one of them: theta stands for the one's letter."""
    place, comma, _ = block.subscript.rpartition(",")
    return replace(block, subscript=f"{place}{comma}theta")


def signs(text: str) -> str:
    """Return a sentence with the signs that plain text writes around."""
    for plain, sign in ((" (x) ", " ⊗ "), ("^T", "ᵀ"), (" -> ", " → ")):
        text = text.replace(plain, sign)
    return text
