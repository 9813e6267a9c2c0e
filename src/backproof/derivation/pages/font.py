"""The font of the formulas: STIX Two Math, cut to the signs that a page uses, inside the page."""

import base64
import io
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import missing_extra

FAMILY = "Backproof Math"
"""What the style sheet calls the font."""

_FILE = "fonts/STIXTwoMath-Regular.ttf"
_GREEK = "αβγδεϵζηθλμνξπρσςτφϕχψωΓΔΘΛΞΠΣΦΨΩ"
_SIGNS = "·×⊗⊙−±∂∇∘→←↦⟼∈ℝ′″…⋯⋮⋱∣∥‖⟨⟩⏟⏞∑∏√≤≥≈≠≡≪≫∞∥⊕⊤⊥ᵀ⌊⌋⌈⌉≔ℓ𝟎𝟏‾~˜ˉˆ˙\u00a0\u2009\u2061\u2062\u2063"


def usual() -> frozenset[str]:
    """Return the signs that nearly every derivation uses, so that one cut serves nearly every page."""
    ascii_signs = {chr(code) for code in range(32, 127)}
    return frozenset(ascii_signs | set(_GREEK) | set(_SIGNS))


def italic(sign: str) -> str:
    """Return what a browser shows for a letter that stands alone as an identifier: its mathematical italic."""
    if sign == "h":
        return "ℎ"
    if "a" <= sign <= "z":
        return chr(0x1D44E + ord(sign) - ord("a"))
    if "A" <= sign <= "Z":
        return chr(0x1D434 + ord(sign) - ord("A"))
    if "Α" <= sign <= "Ω":
        return chr(0x1D6E2 + ord(sign) - ord("Α"))
    if "α" <= sign <= "ω":
        return chr(0x1D6FC + ord(sign) - ord("α"))
    return {"ϵ": "𝜖", "ϕ": "𝜙", "∂": "𝜕"}.get(sign, sign)


def face(used: Iterable[str] = ()) -> str:
    """Return a ``@font-face`` rule that holds the font as data, with the signs used and the usual ones.

    The font's table of mathematical measures stays, and with it the larger variants and pieces of which brackets
    and braces are made at any size.

    Raises:
        MissingExtraError: fontTools or ziamath, which carries the font, is not installed.
    """
    signs = usual() | set(used)
    data = base64.b64encode(_cut(frozenset(signs | {italic(sign) for sign in signs}))).decode()
    source = f"url(data:font/woff;base64,{data}) format('woff')"
    return f"@font-face {{ font-family: '{FAMILY}'; src: {source}; font-display: block; }}"


@lru_cache(maxsize=4)
def _cut(signs: frozenset[str]) -> bytes:
    """Return the font with the glyphs of some signs and all that these grow into, compressed."""
    try:
        from fontTools import subset
        from fontTools.ttLib import TTFont
    except ImportError as error:
        raise missing_extra("the page of a derivation", "html") from error
    file = io.BytesIO()
    with TTFont(_path(), lazy=True) as font:
        cutter = subset.Subsetter(_options(subset))
        cutter.populate(unicodes=[ord(sign) for sign in signs])
        cutter.subset(font)
        font.flavor = "woff"
        font.save(file)
    return file.getvalue()


def _options(subset: Any) -> Any:
    """Return what the cut keeps: script-size forms, names and licence, no hints."""
    options = subset.Options()
    options.layout_features = ["ssty", "dtls", "flac", "kern"]
    options.hinting = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 13, 14]
    return options


def _path() -> Path:
    found = find_spec("ziamath")
    if found is None or found.origin is None:
        raise missing_extra("the page of a derivation", "html")
    return Path(found.origin).parent / _FILE
