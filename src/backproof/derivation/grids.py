"""Small matrices in characters, columns aligned at the right."""

from typing import Any

from ..display import number

__all__ = ["grid"]


def grid(array: Any) -> list[str]:
    """Return the rows of a matrix in brackets, one string a row.

    Shapes:
        array: (m, n)
    """
    rows = [[number(value) for value in row] for row in array]
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    if len(lines) == 1:
        return [f"[ {lines[0]} ]"]
    last = len(lines) - 1
    left = ["⎡" if i == 0 else "⎣" if i == last else "⎢" for i in range(len(lines))]
    right = ["⎤" if i == 0 else "⎦" if i == last else "⎥" for i in range(len(lines))]
    return [f"{a} {line} {b}" for a, line, b in zip(left, lines, right, strict=True)]
