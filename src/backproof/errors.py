"""Every exception of backproof, in one tree, the two phrases that mend most mistakes, and text made fit for one line.

A message says who raised it, what came, what was expected, and how to mend it.
"""

from collections.abc import Iterable


class BackproofError(Exception):
    """Root of every error that backproof raises on purpose."""


class ShapeError(BackproofError, ValueError):
    """An array's shape does not fit the layer, operator or loss it was given to."""


class DtypeError(BackproofError, TypeError):
    """An array's element type or library does not fit the others, or cannot carry derivatives."""


class NonFiniteError(BackproofError, ValueError):
    """NaN or infinity in data or parameters, or arising in a layer or a loss."""


class OptionError(BackproofError, ValueError):
    """An unknown or impossible option, layer, loss or setting."""


class DataError(BackproofError, ValueError):
    """A data file or table that cannot be used as it is."""


class ModelFileError(BackproofError, ValueError):
    """A model or checkpoint file that is truncated, damaged, or of another version."""


class CoupledBatchError(BackproofError, ValueError):
    """A per-example quantity was asked of a layer whose examples depend on one another."""


class MissingExtraError(BackproofError, ImportError):
    """A feature needs a package that is not installed; the message has the install line."""


class ProofError(BackproofError):
    """A proof that Coq does not accept, or whose sources are missing."""


class UndecidedError(BackproofError, ArithmeticError):
    """A comparison of intervals that overlap, at the precision at hand."""


class KinkWarning(UserWarning):
    """A derivative was asked for at a point where a layer has none; PyTorch's choice was taken."""


def printable(text: str, longest: int) -> str:
    """Return a text on one line, with control characters as escapes, cut to a length, whatever has been put into it."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def missing_extra(feature: str, extra: str) -> MissingExtraError:
    """Return the error for a feature whose optional packages are absent."""
    return MissingExtraError(f"{feature} needs packages that are not installed: pip install 'backproof[{extra}]'")


def unknown_name(kind: str, name: object, known: Iterable[str]) -> OptionError:
    """Return the error for a name that is in no registry, with the nearest name that is; it may be no text at all."""
    import difflib  # costs more than the rest of this file, and only a mistake needs it

    known = sorted(known)
    lowered = {candidate.lower(): candidate for candidate in known}
    # Matching takes time in proportion to the length, and a name from a file may have any length.
    near = difflib.get_close_matches(name[:80].lower(), lowered, n=1, cutoff=0.5) if isinstance(name, str) else []
    hint = f" Did you mean {lowered[near[0]]!r}?" if near else ""
    return OptionError(f"unknown {kind} {name!r:.100}.{hint} Known: {', '.join(known)}.")
