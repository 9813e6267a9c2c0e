"""Where the example lies on a kink of a layer, and what the induction then supposes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...layers import LAYERS
from ...layers.composed import leaves
from ...losses import LOSSES
from ..lines import Line, Words, words
from ..naming import layer_name
from ..setting import Batch, Setting
from ..sites import Site

__all__ = ["batch_kinks", "hypothesis", "kinks_met"]

_LAYERS = 6
"""The most layers on a kink that are named."""
_ENTRIES = 8
"""The most entries on a kink that are named of one layer."""


def kinks_met(setting: Setting) -> Iterator[Line]:
    """Yield the note that names the layers and entries where the example lies on a kink, if there are any."""
    met = [(site, site.on_kink()) for site in _leaves(setting.sites)]
    places = [_place(site, entries) for site, entries in met if entries.size]
    if places:
        yield setting.line(None, "kinks_met", level=1, places=_few(places))


def hypothesis(setting: Setting) -> Iterator[Line]:
    """Yield what the induction supposes, and whether it holds at the example."""
    yield setting.line(None, "induction_hypothesis", level=1)
    sites = list(_leaves(setting.sites))
    met = list(dict.fromkeys(site.label for site in sites if site.on_kink().size))
    if met:
        labels = _few([words("induction_layer", label=label) for label in met])
        yield setting.line(None, "induction_fails", level=1, places=labels)
    elif type(setting.loss) in LOSSES.values() and all(type(site.layer) in LAYERS.values() for site in sites):
        yield setting.line(None, "induction_holds" if any(map(_kinked, sites)) else "induction_smooth", level=2)


def batch_kinks(setting: Setting, batch: Batch) -> Iterator[Line]:
    """Yield how many examples of the batch lie on a kink, if there are any."""
    on_kink, x = np.zeros(len(batch.x), bool), batch.x
    for site, step in zip(setting.sites, batch.steps, strict=True):
        for _, layer, entries, _ in leaves(site.layer, step, x):
            found = layer.kinks(entries)
            if found is not None:
                on_kink |= np.asarray(found).reshape(len(on_kink), -1).any(axis=1)
        x = step.output
    if on_kink.any():
        yield setting.line(None, "batch_kinks", level=1, count=int(on_kink.sum()), examples=len(on_kink))


def _leaves(sites: Sequence[Site]) -> Iterator[Site]:
    """Yield the sites that are not made of others."""
    for site in sites:
        if site.parts:
            yield from _leaves(site.parts)
        else:
            yield site


def _kinked(site: Site) -> bool:
    """Whether the layer has a kink anywhere."""
    return site.layer.kinks(np.zeros((1, 1))) is not None


def _place(site: Site, entries: Any) -> Words:
    """Return a layer, and the entries of its input on a kink, counted from 1."""
    told: Any = ", ".join(str(entry + 1) for entry in entries[:_ENTRIES])
    if len(entries) > _ENTRIES:
        told = words("entries_more", entries=told, count=len(entries) - _ENTRIES)
    return words(
        "kink_at", label=site.label, name=layer_name(site.layer), count=len(entries), entries=told, state=site.x
    )


def _few(places: list[Words]) -> tuple[Words, ...]:
    """Return the first of many places, and how many there are besides."""
    if len(places) <= _LAYERS + 1:
        return tuple(places)
    return (*places[:_LAYERS], words("kink_more", count=len(places) - _LAYERS))
