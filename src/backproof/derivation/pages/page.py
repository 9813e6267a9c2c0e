"""The page: what a derivation knows, brought into the order in which it is read, and set into the templates."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, final

from ...errors import missing_extra
from ..lines import Derivation
from . import parts
from .font import face
from .formulas import Formulas
from .pictures import Gallery

STYLES, SCRIPTS = ("base.css", "figures.css"), ("heat.js", "entries.js", "stepper.js", "scroll.js")
SPOKEN = ("step", "entry", "zero", "more", "reduced", "formula")
"""What the script says, by the ends of the keys in the language file."""


@final
@dataclass(frozen=True, eq=False)
class Extras:
    """What a page shows beside the derivation.

    Attributes:
        title: instead of the derivation's own; empty for that.
        lead: a sentence under the title.
        facts: (name, value) pairs for the head of the page.
        image: rows and columns where the input is an image, else None.
        history: the epochs of the training, each with ``epoch``, ``loss`` and ``validation_loss``.
        spectrum: the singular values of the layers (``backproof.spectrum``), or None.
        tables: further tables for the end.
    """

    title: str = ""
    lead: str = ""
    facts: Sequence[tuple[str, str]] = ()
    image: tuple[int, int] | None = None
    history: Sequence[Mapping[str, Any]] = ()
    spectrum: Any = None
    tables: Sequence[parts.Table] = ()


def page(derivation: Derivation, extras: Extras | None = None) -> str:
    """Return the page as one text that needs nothing else.

    Raises:
        MissingExtraError: jinja2, fontTools or ziamath is not installed.
    """
    extras = extras or Extras()
    environment = _environment()
    from markupsafe import Markup

    gallery, formulas = _kit(derivation)
    made = list(_parts(derivation, extras, formulas, gallery))
    script, style = _script(), _style(formulas.signs)
    return str(
        environment.get_template("page.html").render(
            title=extras.title or derivation.say(derivation.title),
            language=derivation.choices.language,
            lead=extras.lead,
            facts=[*parts.facts(derivation, formulas), *extras.facts],
            parts=made,
            heats=gallery.heats,
            style=Markup(style),
            script=Markup(script),
            policy=_policy(script, style),
            say=formulas.say,
            spoken={name: formulas.say(f"script_{name}") for name in SPOKEN},
        )
    )


def _kit(derivation: Derivation) -> tuple[Gallery, Formulas]:
    formulas = Formulas(derivation.network, derivation.choices.language)
    return Gallery(formulas.say), formulas


def _parts(derivation: Derivation, extras: Extras, formulas: Formulas, gallery: Gallery) -> Iterator[dict[str, Any]]:
    yield parts.network(derivation, formulas, gallery, extras.image)
    walked = "delta" if any(section.name == "delta" for section in derivation.sections) else "gradient"
    for section in derivation.sections:
        yield parts.derived(derivation, section, formulas, gallery)
        if section.name == "layers":
            yield parts.jacobians(derivation, formulas, gallery)
        if section.name == walked:
            yield parts.walked(derivation, formulas, gallery)
    yield from parts.training(extras.history, formulas)
    yield from parts.flow(extras.spectrum, formulas)
    for table in extras.tables:
        yield table.plain()


def _environment() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise missing_extra("the page of a derivation", "html") from error
    return _made(Environment, PackageLoader, StrictUndefined)


@lru_cache(maxsize=1)
def _made(environment: Any, loader: Any, undefined: Any) -> Any:
    return environment(
        loader=loader(__package__, "templates"),
        autoescape=True,
        undefined=undefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=1)
def _script() -> str:
    return "(() => {\n'use strict';\n" + "\n".join(_static(name) for name in SCRIPTS) + "})();\n"


def _style(signs: set[str]) -> str:
    return face(signs) + "\n" + "\n".join(_static(name) for name in STYLES)


@lru_cache(maxsize=8)
def _static(name: str) -> str:
    return (files(__package__) / "static" / name).read_text("utf-8")


def _policy(script: str, style: str) -> str:
    """Return what a browser shall allow the page: its own script and style, its font, and no request at all."""
    return f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; font-src data:; base-uri 'none'"


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
