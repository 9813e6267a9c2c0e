"""The network as a composition of functions."""

from ...display import quantity
from ..expressions import Equation, Kronecker, Map, Symbol, Times, Transpose, Vec
from ..folding import Run, runs
from ..lines import Fold, Line, Section, words
from ..naming import composed, layer_name
from ..rules.combinators import function_of
from ..setting import Setting
from ..sites import Site

__all__ = ["composition"]

_FOLD_FROM = 12


def composition(setting: Setting) -> Section:
    """Return every function with its shapes, and their composition."""
    sites, values = setting.sites, setting.scope.values
    for site in sites:
        values[setting.names.function(site.label)] = function_of(site)
    items: list[Line | Fold | Section] = [
        setting.line(None, "composition_intro", level=2),
        setting.line(None, f"convention_{setting.names.notation}", level=1),
        setting.line(None, f"convention_vec_{setting.scope.vec}", level=1, rule=_vec_rule(setting.scope.vec)),
    ]
    keys = [(site.layer, site.input_shape) for site in sites]
    pieces = runs(keys) if len(sites) > _FOLD_FROM else list(range(len(sites)))
    items += [_fold(sites, p) if isinstance(p, Run) else _function(setting, sites[p]) for p in pieces]
    items.append(_whole(setting))
    return Section("composition", words("title_composition"), tuple(items))


def _vec_rule(vec: str) -> Equation:
    """Return what vec of a product of three matrices is."""
    A, X, B = (Symbol(letter, kind="matrix") for letter in "AXB")
    factors = Kronecker(A, Transpose(B)) if vec == "row" else Kronecker(Transpose(B), A)
    return Equation((Vec(Times((A, X, B)), vec), Times((factors, Vec(X, vec)))))


def _function(setting: Setting, site: Site) -> Line:
    applied = Map(setting.names.function(site.label), (site.x,))
    input_size, output_size = (" x ".join(map(quantity, shape)) for shape in (site.input_shape, site.output_shape))
    count = sum(len(block.order) for block in site.all_blocks())
    return setting.line(
        Equation((site.y, applied)), "function_with" if count else "function", shape=(site.m, 1), level=1,
        name=layer_name(site.layer), input=input_size, output=output_size, parameters=count,
    )  # fmt: skip


def _fold(sites: tuple[Site, ...], run: Run) -> Fold:
    like = sites[run.first - run.period : run.first]
    reason = words(
        "fold_functions", first=sites[run.first].label, last=sites[run.last].label, start=like[0].label,
        end=like[-1].label, times=(run.last - run.first + 1) // run.period,
    )  # fmt: skip
    return Fold(run.first + 1, run.last + 1, reason)


def _whole(setting: Setting) -> Line:
    functions = tuple(setting.names.function(site.label) for site in setting.sites)
    applied = Map(composed(functions, (3, 2)), (setting.sites[0].x,))
    return setting.line(
        Equation((setting.last.y, applied)), "composed", shape=(setting.last.m, 1), level=1, source="composition"
    )
