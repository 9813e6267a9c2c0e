"""The result files of the comparison of checkers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .machine import describe, sentence
from .report import table

Rows = Sequence[dict[str, Any]]
OURS = "backproof.check"

HOW = (
    "A fault is *missed* if the checker accepts it at one seed or more; seeds at which the mistake does not show are"
    " left out. A *false alarm* is a correct derivative rejected; the number of functions counts those rejected at one"
    " seed or more, and those whose inputs hold points on a kink (ReLU at 0, a tie in a maximum) are counted apart.",
    "Every peer with its default tolerances and steps. `gradcheck(f, inputs)`; `check_grads(f, inputs, order=1)` of"
    " JAX, with modes fwd and rev for `custom_jvp` and rev for the rest; `check_grads(f, modes=['rev'], order=1)` of"
    " autograd, whose default asks for second derivatives too, which a hand-written vjp has not;"
    " `scipy.optimize.check_grad` returns a number and no verdict: the value along one random cotangent is taken, and"
    " 1e-5 is the threshold.",
    "A case of another library is wrapped: for PyTorch as a `torch.autograd.Function` that computes with NumPy, for JAX"
    " as a `custom_vjp` of `pure_callback`s, for autograd as a `primitive` with `defvjp`, for SciPy as a function of"
    " one vector. A wrapper refuses a gradient in a wrong shape, where PyTorch alone would sum it.",
    "JAX runs float64 with `jax_enable_x64`. SciPy differentiates in float64 whatever it is given.",
)


def key(row: dict[str, Any]) -> tuple[str, str]:
    return row["task"]["checker"], row["task"]["dtype"]


def groups(rows: Rows) -> list[tuple[str, str, Rows]]:
    """Return the rows of every checker and dtype, in their order."""
    keys = dict.fromkeys(map(key, rows))
    return [(*wanted, [row for row in rows if key(row) == wanted]) for wanted in keys]


def counts(rows: Rows) -> dict[str, int]:
    """Return the numbers of one checker and dtype."""
    accused = [row for row in rows if row["accused"]]
    return {
        "faults": sum(len(row["missed"]) for row in rows),
        "missed": sum(bool(seeds) for row in rows for seeds in row["missed"].values()),
        "fault runs": sum(sum(row["runs"].values()) for row in rows),
        "missed runs": sum(len(seeds) for row in rows for seeds in row["missed"].values()),
        "functions": len(rows),
        "accused": sum(not row["kinks"] for row in accused),
        "accused at kinks": sum(row["kinks"] for row in accused),
        "correct runs": sum(row["task"]["correct"] for row in rows),
        "accused runs": sum(len(row["accused"]) for row in rows),
        "named runs": sum(sum(row["named"].values()) for row in rows),
    }


def comparison(rows: Rows) -> str:
    """Return the table of all checkers."""
    lines = []
    for checker, dtype, part in groups(rows):
        n = counts(part)
        lines.append(
            [
                f"`{checker}`, {dtype}",
                f"{n['missed']} of {n['faults']}" if n["faults"] else "-",
                f"{n['missed runs']} of {n['fault runs']}" if n["faults"] else "-",
                f"{n['accused']} of {n['functions']}",
                str(n["accused at kinks"]),
                f"{n['accused runs']} of {n['correct runs']}",
            ]
        )
    header = ["", "faults missed", "runs", "false alarms", "more at kinks", "runs of correct ones"]
    return table(header, lines)


def causes(rows: Rows) -> str:
    """Return how often the cause that we name is right, by library."""
    lines = []
    for library in dict.fromkeys(row["library"] for row in rows):
        cells = []
        for dtype in ("float64", "float32"):
            n = counts([row for row in rows if key(row) == (OURS, dtype) and row["library"] == library])
            share = 100 * n["named runs"] / max(1, n["fault runs"])
            cells.append(f"{n['named runs']} of {n['fault runs']} ({share:.0f}%)" if n["fault runs"] else "-")
        lines.append([library, *cells])
    return table(["cause named right", "float64", "float32"], lines)


def lists(rows: Rows) -> str:
    """Return what each checker missed and accused, by name."""
    parts = []
    for checker, dtype, part in groups(rows):
        missed = [f"{r['task']['title']}: {name}" for r in part for name, seeds in r["missed"].items() if seeds]
        accused = [f"{r['task']['title']} {len(r['accused'])}" for r in part if r["accused"]]
        parts.append(
            f"- `{checker}`, {dtype}; missed: {'; '.join(missed) or 'none'}. "
            f"False alarms of {part[0]['task']['correct']}: {'; '.join(accused) or 'none'}."
        )
    return "\n".join(parts)


def misnamed(rows: Rows) -> str:
    """Return the faults whose cause we name wrong at one seed or more."""
    return "\n".join(
        f"- {row['task']['title']}, {row['task']['dtype']}: {name} ({row['runs'][name] - right} of {row['runs'][name]})"
        for row in rows
        for name, right in row["named"].items()
        if right < row["runs"][name]
    )


def markdown(rows: Rows) -> str:
    """Return the whole report."""
    first = [row for row in rows if row["task"]["checker"] == OURS and row["task"]["dtype"] == "float64"]
    faults = sum(len(row["missed"]) for row in first)
    parts = [
        "# Checkers of derivatives",
        f"{faults} faults planted into the derivatives of {len(first)} functions in NumPy, PyTorch and JAX, and their"
        " correct versions at random points.",
        comparison(rows),
        causes(rows),
        "\n".join(f"- {note}" for note in HOW),
        "## By name",
        lists(rows),
        "## Faults whose cause is named wrong",
        misnamed(rows) or "None.",
        "## Machine",
        sentence(describe()),
    ]
    return "\n\n".join(parts) + "\n"


def write(rows: Rows, folder: Path | None) -> str:
    """Write ``checkers.md`` and ``checkers.json`` into the folder, if there is one, and return the text."""
    text = markdown(rows)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "checkers.md").write_text(text, encoding="utf-8")
        data = {"machine": describe(), "rows": list(rows)}
        (folder / "checkers.json").write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")
    return text
