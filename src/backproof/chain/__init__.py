"""The order in which the Jacobians of a chain are multiplied."""

from .plan import Multiplication, Plan, plan
from .recursion import Step, backpropagate
from .structures import Matrix
from .tally import Tally

__all__ = ["Matrix", "Multiplication", "Plan", "Step", "Tally", "backpropagate", "plan"]
