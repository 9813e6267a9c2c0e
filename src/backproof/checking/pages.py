"""Reports as self-contained pages: no script, no request, every name escaped."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from .heat import shade

if TYPE_CHECKING:
    from .report import Block, Report

CELL, SIDE = 12, 11
FILLS = ("var(--right)", "#f6c9a0", "#ee8f4d", "#d9541e", "#9c1c0c")
STYLE = """
.bp-check{--right:#dfe7ea;--ink:#1b1f23;--page:#fff;--line:#c9d1d6;--good:#0a6b3d;--bad:#a3170b;
font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
@media(prefers-color-scheme:dark){.bp-check{--right:#37424a;--ink:#e8ecef;--page:#14181b;--line:#4a555d;
--good:#5fd49a;--bad:#ff9a8a}}
.bp-check table{border-collapse:collapse;margin:.5em 0}
.bp-check th,.bp-check td{border:1px solid var(--line);padding:.25em .6em;text-align:left;vertical-align:top}
.bp-check td.n{text-align:right;font-variant-numeric:tabular-nums}
.bp-check .good{color:var(--good);font-weight:600}.bp-check .bad{color:var(--bad);font-weight:600}
.bp-check .wide{overflow-x:auto}
.bp-check svg{max-width:100%;height:auto}
"""
HEADS = ("argument", "derivative", "verdict", "relative error", "worst entry", "analytic", "numeric", "likely cause")


def fragment(report: "Report") -> str:
    """Return the report as a piece of HTML that carries its own style."""
    return f'<style>{STYLE}</style><div class="bp-check">{_section(report, 1)}</div>'


def page(report: "Report") -> str:
    """Return the report as a whole page."""
    title = escape(report.title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE} body{{margin:0}} .bp-check{{padding:1em 2em;min-height:100vh}}</style>"
        f'</head><body><main class="bp-check">{_section(report, 1)}</main></body></html>\n'
    )


def _section(report: "Report", level: int) -> str:
    """Return one report, with that on the layer at fault below it."""
    verdict = report.verdict
    cause = "" if report.cause is None or verdict == "undecided" else f": {escape(str(report.cause))}"
    mark = "good" if report.ok else "bad"
    parts = [
        f'<h{level}>{escape(report.title)}: <span class="{mark}">{verdict}{cause}</span></h{level}>',
        f"<p>Compared with {escape(report.oracle)}.</p>",
    ]
    if report.layer is not None:
        parts.append(f"<p>The layer at fault: <strong>{escape(report.layer)}</strong></p>")
    parts.append(_list("Problems", report.problems, level + 1))
    parts.append(_table(report.blocks))
    parts += [_picture(block, level + 1) for block in report.blocks if block.heat]
    parts.append(_list("Notes", report.notes, level + 1))
    if report.factor is not None:
        parts.append(_section(report.factor, level + 1))
    return "".join(parts)


def _list(head: str, texts: Sequence[str], level: int) -> str:
    if not texts:
        return ""
    return f"<h{level}>{head}</h{level}><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _table(blocks: Sequence["Block"]) -> str:
    if not blocks:
        return ""
    head = "".join(f'<th scope="col">{word}</th>' for word in HEADS)
    body = "".join(map(_row, blocks))
    # A wide table scrolls by itself on a narrow screen, with the keyboard too.
    scrolls = 'class="wide" role="region" aria-label="Blocks" tabindex="0"'
    return f"<div {scrolls}><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _row(block: "Block") -> str:
    what = "probes" if block.probed else "entries"
    verdict = '<span class="good">right</span>'
    if not block.ok:
        verdict = f'<span class="bad">{block.undecided} of {block.entries} {what} undecided</span>'
    if block.wrong or not (block.ok or block.undecided):
        verdict = f'<span class="bad">{block.wrong} of {block.entries} {what} wrong</span>'
    if block.kinks:
        verdict += f", {block.kinks} on a kink"
    cause = "" if block.cause is None else f"{block.cause}: {block.detail}"
    words = [f'<th scope="row">{escape(block.name)}</th>', f"<td>{escape(block.route)}</td>", f"<td>{verdict}</td>"]
    numbers = [f'<td class="n">{block.relative_error:.1e}</td>', f"<td>{escape(block.entry)}</td>"]
    numbers += [f'<td class="n">{value:.6g}</td>' for value in (block.analytic, block.numeric)]
    return f"<tr>{''.join(words + numbers)}<td>{escape(cause)}</td></tr>"


def _picture(block: "Block", level: int) -> str:
    """Return the heat map as an SVG: rows are outputs, columns entries of the argument."""
    worst = max((cell for row in block.heat for cell in row if cell is not None), default=0.0)
    width, height = CELL * len(block.heat[0]), CELL * len(block.heat)
    cells = "".join(
        f'<rect x="{CELL * j}" y="{CELL * i}" width="{SIDE}" height="{SIDE}" fill="{FILLS[shade(cell, worst)]}"/>'
        for i, row in enumerate(block.heat)
        for j, cell in enumerate(row)
    )
    name = escape(f"{block.name} ({block.route})")
    label = escape(f"Where the derivative in {block.name} is wrong; the worst is {block.entry}", quote=True)
    return (
        f'<h{level}>Where {name} is wrong</h{level}><svg role="img" aria-label="{label}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">{cells}</svg>'
        "<p>Rows are outputs, columns entries of the argument; each shade is a factor of ten.</p>"
    )
