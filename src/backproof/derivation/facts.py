"""The facts behind a derivation, layer by layer, for pictures and tables."""

from typing import Any

import numpy as np

from .figures import figure
from .lines import LayerFacts, NetworkFacts
from .setting import Setting
from .sites import Site

__all__ = ["network_facts"]


def network_facts(setting: Setting, examples: int, example: int, target: Any) -> NetworkFacts:
    """Return the network at the example."""
    values, first, last = setting.scope.values, setting.sites[0], setting.last
    return NetworkFacts(
        layers=tuple(_layer(setting, site, index + 1) for index, site in enumerate(setting.sites)),
        input_shape=first.input_shape,
        output_shape=last.output_shape,
        parameters=setting.net.layout.size,
        input_symbol=first.x,
        input_delta_symbol=setting.names.delta("0"),
        input=values[first.x],
        input_delta=values.get(setting.names.delta("0")),
        loss="" if setting.loss is None else repr(setting.loss),
        loss_value=setting.loss_value,
        target=target,
        examples=examples,
        example=example,
    )


def _layer(setting: Setting, site: Site, index: int) -> LayerFacts:
    full = {f"{site.place}{name}": name for name in site.layer.parameter_shapes}
    B = site.step.B
    return LayerFacts(
        index=index,
        name=type(site.layer).__name__,
        label=site.layer.label,
        place=site.place.rstrip("."),
        input_shape=site.input_shape,
        output_shape=site.output_shape,
        parameters={name: tuple(np.shape(setting.scope.parameters[name])) for name in full},
        state_symbol=site.y,
        jacobian_symbol=site.A,
        delta_symbol=site.delta_symbol,
        state=setting.scope.values[site.y],
        delta=site.delta,
        jacobian=figure(site.step.A),
        blocks={name: figure(B[local]) for name, local in full.items()},
        gradients={name: setting.gradients[name] for name in full} if setting.gradients else {},
        parameter_symbols={name: (b.symbol, b.jacobian) for b in site.all_blocks() for name in b.names},
        parts=tuple(_layer(setting, part, number + 1) for number, part in enumerate(site.parts)),
    )
