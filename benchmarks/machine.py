"""What a table was measured on: processor, cores and versions, nothing that names the machine itself."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("backproof", "numpy", "scipy", "torch", "jax", "jaxlib", "scikit-learn")


def processor() -> str:
    """Return the processor's model as the operating system names it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def blas() -> str:
    """Return the linear algebra library that NumPy was built with."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    library = built["Build Dependencies"]["blas"]
    return f"{library.get('name', 'unknown')} {library.get('version', '')}".strip()


def describe() -> dict[str, Any]:
    """Return the description as plain data."""
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "not installed"
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas of numpy": blas(),
        "versions": versions,
    }


def sentence(machine: dict[str, Any]) -> str:
    """Return the description as one line."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; Python {machine['python']}, "
        f"{versions}; NumPy's BLAS: {machine['blas of numpy']}."
    )
