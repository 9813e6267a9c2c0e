"""Backpropagation of one network as a straight-line program: trace the formulas once, run the statements often."""
