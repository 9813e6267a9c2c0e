"""Where the two papers stand on each step, as far as is known without their bodies."""

from ..lines import Fold, Line, Section, words
from ..setting import Setting

__all__ = ["papers"]

_STEPS = ("composition", "differentials", "product", "recursion", "batch", "cost")


def papers(setting: Setting) -> Section:
    """Return one sentence a step."""
    items: list[Line | Fold | Section] = [setting.line(None, "papers_intro", level=1)]
    items += [setting.line(None, f"papers_{step}", level=2) for step in _STEPS]
    return Section("papers", words("title_papers"), tuple(items))
