"""Reports as self-contained pages."""

from html import escape
from typing import Any


def fragment(report: Any) -> str:
    """Return the report as a piece of HTML."""
    return f"<pre>{escape(report.text())}</pre>"


def page(report: Any) -> str:
    """Return the report as a whole page."""
    return f"<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>check</title>{fragment(report)}</html>"
