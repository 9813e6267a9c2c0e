"""Backpropagation of one network as a straight-line program: trace the formulas once, run the statements often."""

from .compiled import Program, compile
from .program import OPERATIONS, Lowered, Statement, Trace, Value
from .sizes import UntraceableError

__all__ = ["OPERATIONS", "Lowered", "Program", "Statement", "Trace", "UntraceableError", "Value", "compile"]
