"""A function of one number, applied to every entry: the differential is a diagonal matrix times dx."""

import numpy as np

from ...layers.elementwise import Elementwise
from ..expressions import Diagonal, Expression, Hadamard, Map
from ..sites import Site
from .activations import ACTIVATIONS, CANCELLING
from .writing import Derived, Writer, differ, times

__all__ = ["elementwise", "elementwise_unknown"]


def elementwise(site: Site) -> Derived:
    """Derive one of the library's elementwise functions."""
    formula, slope = ACTIVATIONS[type(site.layer)]
    writer, sigma, derivative = Writer(site), formula(site.layer, site.x), slope(site.layer, site.x, site.y)
    writer.equation(site.y, sigma, why="definition_elementwise", source="elementwise")
    if type(site.layer) not in CANCELLING:
        writer.equation(site.dy, differ(sigma), why="take_differentials", level=3)
    return _diagonal(writer, derivative)


def elementwise_unknown(site: Site) -> Derived:
    """Derive an elementwise function of the user's: sigma and sigma' are the layer's own."""
    layer, writer = site.layer, Writer(site)
    assert isinstance(layer, Elementwise)
    sigma, prime = site.names.function(site.label), site.helper("f'", None, "function")
    site.values[sigma] = lambda x: np.asarray(layer.function(x.T)).T
    site.values[prime] = lambda x: np.asarray(layer.derivative(x.T, layer.function(x.T))).T
    writer.equation(site.y, Map(sigma, (site.x,)), why="definition_elementwise", source="elementwise")
    return _diagonal(writer, Map(prime, (site.x,)))


def _diagonal(writer: Writer, derivative: Expression) -> Derived:
    site = writer.site
    writer.equation(site.dy, Hadamard((derivative, site.dx)), why="entry_by_entry")
    matrix = Diagonal(derivative)
    if site.layer.kinks(site.step.output) is not None:
        writer.say("kinks")
    writer.equation(site.dy, times(matrix, site.dx), why="hadamard_is_diagonal")
    return writer.derived(matrix)
