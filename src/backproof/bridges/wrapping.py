"""What a module was when a network was read from it, compared at every call: settings are followed, all else named."""

from operator import itemgetter
from typing import Any

from ..errors import OptionError
from .conversion import read
from .table import Reading

__all__ = ["Wrapped"]

_STATE = ("training", "_modules", "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""What every module has, and what decides how it acts besides its settings and parameters."""


class Wrapped:
    """A module and the network that it is.

    A module is Python's to change: ``module[1].p = 0.1``, ``module[1].eval()``, ``module.append(...)``. Comparing what
    it holds with what it held costs a few microseconds; reading it anew is left for when they differ.

    Attributes:
        module: the module.
        dtype: of its numbers.
        net: the network that it is now, all of its dropout included.
        acting: the network with dropout switched off in modules that are in evaluation mode.
        drops: whether any dropout is switched on.
    """

    def __init__(self, module: Any, dtype: Any) -> None:
        self.module, self.dtype = module, dtype
        self.net, self.acting = read(module, Reading(dtype)), read(module, Reading(dtype, modes=True))
        self.drops = self.acting.training(0) is not self.acting
        self._parts = list(module.modules())
        self._held = [_held(part) for part in self._parts]

    def follow(self, dtype: Any) -> bool:
        """Read the module anew if it is not what it was, and return whether the network is another one.

        Raises:
            OptionError: it holds other modules than before, hooks, or what is no layer here.
        """
        if dtype is self.dtype and self._is_the_same():
            return False
        now = Wrapped(self.module, dtype)
        if list(map(id, now._parts)) != list(map(id, self._parts)) or now.net.layout.shapes != self.net.layout.shapes:
            raise OptionError(
                f"BackproofModule: its {type(self.module).__name__} has {len(now._parts)} modules and parameters "
                f"{', '.join(now.net.layout.shapes) or '(none)'}, expected the {len(self._parts)} modules and their "
                "parameters that were wrapped; wrap it again: BackproofModule(module)."
            )
        changed = now.net != self.net
        self.dtype, self._held, self.acting, self.drops = dtype, now._held, now.acting, now.drops
        self.net = now.net if changed else self.net
        return changed

    def _is_the_same(self) -> bool:
        try:
            for part, (kind, size, look, seen, absent) in zip(self._parts, self._held, strict=True):
                inside = part.__dict__
                if part.__class__ is not kind or len(inside) != size or look(inside) != seen:
                    return False
                if [tensor is None for tensor in inside["_parameters"].values()] != absent:
                    return False
        except KeyError:
            return False
        return True


def _held(part: Any) -> tuple[type, int, Any, tuple[Any, ...], list[bool]]:
    """Return class, number of attributes, how to look settings and state up, what they are, and absent parameters."""
    inside = part.__dict__
    names = (*_STATE, *(name for name, value in inside.items() if name not in _STATE and _is_setting(name, value)))
    copies = (dict(value) if isinstance(value, dict) else value for value in itemgetter(*names)(inside))
    absent = [tensor is None for tensor in inside["_parameters"].values()]
    return type(part), len(inside), itemgetter(*names), tuple(copies), absent


def _is_setting(name: str, value: Any) -> bool:
    return name[0] != "_" and (value is None or isinstance(value, bool | int | float | str | tuple))
