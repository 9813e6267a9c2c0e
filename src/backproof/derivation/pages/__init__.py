"""The derivation as one page of HTML that needs nothing but a browser."""

import os
from html import escape

from ...errors import MissingExtraError
from ...files import atomic_write
from ..lines import Derivation
from .page import Extras, page
from .parts import Table

__all__ = ["Extras", "Table", "frame", "html", "page"]


def html(derivation: Derivation, path: str | os.PathLike[str] | None = None, extras: Extras | None = None) -> str:
    """Return the page, and write it to ``path`` if one is given: the old file stands until the new one is complete.

    Raises:
        MissingExtraError: the packages of the extra ``html`` are not installed.
        DataError: the file cannot be written.
        OptionError: the image's sizes are not those of the input.
    """
    text = page(derivation, extras)
    if path is not None:
        with atomic_write(path) as file:
            file.write(text.encode())
    return text


def frame(derivation: Derivation) -> str:
    """Return the page for a notebook: in a frame of its own, which neither gives styles to the notebook nor takes any.

    Without the packages of the extra ``html`` it is the derivation's text, with the line that installs them.
    """
    try:
        text = page(derivation)
    except MissingExtraError as error:
        return f"<p>{escape(str(error))}</p><pre>{escape(derivation.text())}</pre>"
    style = "width: 100%; height: 48rem; border: 1px solid #8886; border-radius: 8px"
    title = escape(derivation.say(derivation.title))
    return f'<iframe title="{title}" sandbox="allow-scripts" style="{style}" srcdoc="{escape(text)}"></iframe>'
