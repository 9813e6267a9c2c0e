"""Read it: the derivation of a network as data, with its shapes and its numbers, and what prints it."""

from .explaining import explain
from .language import LANGUAGES, register_language
from .lines import Choices, Derivation, Fold, LayerFacts, Line, NetworkFacts, Section, Words
from .rules.losses import LOSS_RULES
from .rules.registry import RULES, register_rule
from .verification import Discrepancy, discrepancies

__all__ = [
    "LANGUAGES", "LOSS_RULES", "RULES", "Choices", "Derivation", "Discrepancy", "Fold", "LayerFacts", "Line",
    "NetworkFacts", "Section", "Words", "discrepancies", "explain", "register_language", "register_rule",
]  # fmt: skip
