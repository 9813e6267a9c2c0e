"""Keys into words: the templates of a language, filled."""

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

from ..errors import unknown_name
from .expressions import Expression
from .languages import english, english_page
from .lines import Words

__all__ = ["LANGUAGES", "Language", "register_language", "say", "source", "structure"]

Language = tuple[Mapping[str, str], Mapping[str, str]]
"""Templates of reasons, and of sources, by key."""

LANGUAGES: dict[str, Language] = {"en": ({**english.REASONS, **english_page.REASONS}, english.SOURCES)}
"""The languages by their code."""

Show = Callable[[Expression], str]
"""How a renderer writes an expression inside a sentence."""


def register_language(code: str, reasons: Mapping[str, str], sources: Mapping[str, str]) -> None:
    """Add a language; what it leaves out is said in English.

    Args:
        code: as in ``"de"``.
        reasons: a template by every key of ``languages/english.py`` and, for the page, ``languages/english_page.py``.
        sources: the same for the sources.
    """
    LANGUAGES[code] = ({**LANGUAGES["en"][0], **reasons}, {**english.SOURCES, **sources})


def structure(name: str) -> Words:
    """Return what the structure of a matrix is called; one that is not known, by its own name."""
    key = f"page_structure_{name.replace(' ', '_').replace('-', '_')}"
    return Words(key) if key in english_page.REASONS else Words("structure_other", {"name": name})


def say(sentence: Words, language: str = "en", show: Show | None = None) -> str:
    """Return a sentence; expressions in it are written by ``show``, as plain text if not given.

    Raises:
        OptionError: the language or the key is unknown.
    """
    reasons = _language(language)[0]
    if sentence.key not in reasons:
        raise unknown_name("reason", sentence.key, reasons)
    return reasons[sentence.key].format(
        **{name: _said(value, language, show) for name, value in sentence.arguments.items()}
    )


def source(key: str, language: str = "en") -> str:
    """Return a source in words, empty for an empty key.

    Raises:
        OptionError: the language or the key is unknown.
    """
    sources = _language(language)[1]
    if key and key not in sources:
        raise unknown_name("source", key, sources)
    return sources[key] if key else ""


def _language(code: str) -> Language:
    if code not in LANGUAGES:
        raise unknown_name("language", code, LANGUAGES)
    return LANGUAGES[code]


class _Count(int):
    """A number that picks its word: of ``one|many`` in a template the first for 1, else the second."""

    def __format__(self, spec: str) -> str:
        if "|" not in spec:
            return super().__format__(spec)
        one, many = spec.split("|")
        return one if self == 1 else many


def _said(value: Any, language: str, show: Show | None) -> Any:
    if isinstance(value, Words):
        return say(value, language, show)
    if isinstance(value, tuple):
        return "; ".join(str(_said(part, language, show)) for part in value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        return _Count(value)
    if isinstance(value, Expression):
        if show is None:
            from .text import inline

            show = inline
        return show(value)
    return value
