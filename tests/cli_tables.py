"""Small tables to run the command line on."""

import numpy as np


def houses(rows: int = 60, seed: int = 0) -> str:
    """Return a CSV table of numbers with the target ``price``."""
    random = np.random.default_rng(seed)
    area, rooms = random.uniform(30, 200, rows), random.integers(1, 7, rows)
    price = 3000 * area + 20_000 * rooms + random.normal(0, 5000, rows)
    lines = [f"{a:.2f},{r},{p:.0f}" for a, r, p in zip(area, rooms, price, strict=True)]
    return "\n".join(["area,rooms,price", *lines]) + "\n"


def irises(rows: int = 90, seed: int = 0) -> str:
    """Return a CSV table of two numbers with the target ``kind``, one of three words."""
    random = np.random.default_rng(seed)
    kinds = ["oak", "ash", "elm"]
    lines = []
    for index in range(rows):
        x, y = random.normal(0, 0.4, 2) + [(0, 0), (3, 0), (0, 3)][index % 3]
        lines.append(f"{x:.4f},{y:.4f},{kinds[index % 3]}")
    return "\n".join(["x,y,kind", *lines]) + "\n"


FAST = ("--epochs", "3", "--hidden", "8", "--quiet")
